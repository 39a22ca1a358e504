"""Spean: a hotline and case management for migrant workers."""

__version__ = "0.1.0"
