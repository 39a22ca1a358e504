"""The rules of calls, pure: documents, the menu's table of states, ringing, calling back."""
