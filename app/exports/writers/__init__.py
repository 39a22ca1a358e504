"""How the rows of an export are written: CSV, XLSX, JSON, NDJSON."""
