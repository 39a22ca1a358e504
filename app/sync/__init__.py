"""The device feed and push: what a field app may hold, and what it did while it was offline."""
