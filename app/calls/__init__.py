"""Telephone calls: what a caller hears and presses, whom we ring, what was recorded, whom we call back."""
