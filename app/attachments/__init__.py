"""Attachments: photos, sound and PDF that a worker adds to a case, piece by piece over bad lines."""
