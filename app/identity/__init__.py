"""Who works here: organisations, workers, their roles, what each role may do, and how they sign in."""
