"""The manifest of a file: what was asked, what is in it, how it was reduced, and how to check it."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from app import __version__
from app.exports.rules.asking import Wanted
from app.exports.rules.columns import SCHEMA_VERSION
from app.exports.writers.tables import Written
from app.kernel.clock import utc_text


def about(wanted: Wanted, *, generated_at: str, snapshot_at: str) -> dict[str, Any]:
    """What was asked and when it was answered; values of filters are codes, never somebody's words."""
    return {
        "program": "spean",
        "program_version": __version__,
        "schema_version": SCHEMA_VERSION,
        "profile": wanted.profile.value,
        "format": wanted.format.value,
        "locale": wanted.locale,
        "cells": wanted.cells_hold.value,
        "generated_at": generated_at,
        "snapshot_at": snapshot_at,
        "filters": {
            "date_field": wanted.date_field.value,
            "from": wanted.since and utc_text(wanted.since),
            "to": wanted.until and utc_text(wanted.until),
            "updated_since": wanted.updated_since and utc_text(wanted.updated_since),
            "columns": {name: list(values) for name, values in sorted(wanted.filters.items())},
        },
    }


def contents(written: Iterable[Written]) -> list[dict[str, Any]]:
    """Each file with its size, its SHA-256 and the rows of each table in it."""
    return [
        {
            "name": one.path.name,
            "size_bytes": one.path.stat().st_size,
            "sha256": fingerprint(one.path),
            "rows": sum(one.rows.values()),
            "tables": dict(one.rows),
        }
        for one in written
    ]


def fingerprint(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def as_lines(manifest: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str | None]]:
    """The manifest as pairs of a name and a value, for a worksheet."""
    for name, value in manifest.items():
        if isinstance(value, Mapping):
            yield from as_lines(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            yield f"{prefix}{name}", ", ".join(str(item) for item in value)
        else:
            yield f"{prefix}{name}", None if value is None else str(value)
