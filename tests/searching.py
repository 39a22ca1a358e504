"""Looking for known words in bytes of any kind, however they may be written down there."""

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus

import psycopg
from psycopg import sql
from sqlalchemy import inspect

from app.store.database import Database


def spellings_of(phone: str) -> list[str]:
    """How a number in international form may be written: whole, without its plus sign, as at home."""
    digits = phone.removeprefix("+")
    home = digits[3:] if digits.startswith("855") else digits[2:]
    grouped = f"{home[:2]} {home[2:5]} {home[5:]}"
    # What is found of a longer spelling is found of the shorter one as well.
    return [home, grouped, f"0{grouped}"]


def forms_of(word: str) -> dict[str, bytes]:
    """The bytes in which a word may lie somewhere, by the name of the form."""
    plain = word.encode()
    forms = {
        "utf-8": plain,
        "utf-16-le": word.encode("utf-16-le"),
        "utf-16-be": word.encode("utf-16-be"),
        "hex": plain.hex().encode(),
        "HEX": plain.hex().upper().encode(),
        "json": json.dumps(word)[1:-1].encode(),
        "python": repr(plain)[2:-1].encode(),
        "url": quote(word).encode(),
        "form": quote_plus(word).encode(),
    }
    for shift in range(3):
        # What stands before and after it changes the letters at both ends only.
        whole = base64.b64encode(b"\0" * shift + plain)
        inside = whole[-(-shift * 8 // 6) : len(whole.rstrip(b"=")) - 1]
        forms[f"base64+{shift}"] = inside
        forms[f"base64url+{shift}"] = inside.translate(bytes.maketrans(b"+/", b"-_"))
    return forms


class Search:
    """Known words, each in all of its forms."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words: Final = tuple(words)
        self._forms = [(word, name, form) for word in self.words for name, form in forms_of(word).items()]

    def found_in(self, places: Mapping[str, bytes]) -> list[str]:
        """Where which word lies in which form; empty when there is nothing to find."""
        return [
            f"{word!r} as {name} in {place}"
            for place, content in places.items()
            for word, name, form in self._forms
            if form in content
        ]


def everything_kept(database: Database) -> dict[str, bytes]:
    """Every byte that a database keeps: SQLite's files, or each table of PostgreSQL in two forms."""
    if database.is_sqlite:
        file = str(database.url.database)
        return {name: Path(name).read_bytes() for name in (file, f"{file}-wal", f"{file}-shm")}
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    names = inspect(database.engine).get_table_names()
    kept = {}
    with psycopg.connect(url) as connection:
        for table in names:
            for form in ("text", "binary"):
                asked = sql.SQL("COPY {} TO STDOUT (FORMAT {})").format(sql.Identifier(table), sql.SQL(form))
                with connection.cursor().copy(asked) as copy:
                    kept[f"{table} ({form})"] = b"".join(bytes(piece) for piece in copy)
    return kept
