"""Words to send, and whether it is safe to send them."""
