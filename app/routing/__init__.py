"""Coverage, load and choice: which organisation and which caseworker a case goes to, and why."""
