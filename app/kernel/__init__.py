"""The words every room shares: ids, time, phones, languages, urgency, refusals. Imports nothing of ours."""
