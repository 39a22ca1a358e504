"""Rows in and out of the database for exports: what was asked for, and what a file holds."""
