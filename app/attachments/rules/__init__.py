"""What attachments are decided by: how an upload goes, what its bytes are, what of a photo is kept."""
