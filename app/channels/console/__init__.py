"""The console: texts simulated at a terminal, and words that nobody carries further."""
