"""The only room that touches a crypto library: sealed fields, blind indexes, key ring, passwords, tokens."""
