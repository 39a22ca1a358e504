"""Transactions on SQLite and PostgreSQL, portable column types, and the inbox's group commit."""
