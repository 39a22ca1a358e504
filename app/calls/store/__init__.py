"""Queries on calls, recordings, prompts and the calls that we make."""
