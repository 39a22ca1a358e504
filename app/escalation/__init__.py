"""Timers, ladders and calendars: by when a human must act, and who is told when nobody did."""
