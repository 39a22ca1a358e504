"""One package for each carrier: verify, parse, send."""
