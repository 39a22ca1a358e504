"""The `spean` command: what an operator, a tester and the keeper of the words run from a shell."""
