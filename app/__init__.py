"""Spean: a hotline and case management for migrant workers."""
