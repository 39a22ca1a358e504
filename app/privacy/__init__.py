"""What is let go of and when: retention, erasure on request with its receipt, and the log of breaches."""
