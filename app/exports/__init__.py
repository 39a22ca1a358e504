"""What supervisors take out: plans, columns and writers."""
