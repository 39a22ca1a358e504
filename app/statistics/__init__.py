"""What happened, counted: indicators over cases and contacts, and what of them may be published."""
