"""What may be done to a case and what it changes: stages, facts, sight."""
