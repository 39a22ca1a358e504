"""Statistics as the database counts them: nothing here loads a case or a person."""
