"""`python -m app` is the `spean` command."""

from app.cli.main import main

main()
