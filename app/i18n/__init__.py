"""Texts by key and language, the length of a text message, and the words that are safe to send."""
