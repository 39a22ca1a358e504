"""Queries of the cases room: the cases themselves, what hangs on them, their timeline."""
