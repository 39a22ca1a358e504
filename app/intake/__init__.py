"""What people send us, before and until it becomes a case: messages, contacts, triage."""
