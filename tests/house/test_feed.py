"""Every table says whether devices hold what is in it, and whoever writes to one that they hold notes it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import SQLModel

import app.sync.tables  # noqa: F401 - importing a module of tables registers them
import tests.makers  # noqa: F401 - as above, for the tables of the whole application
from tests.house.tree import modules, parsed, shown

# Tables whose rows are in documents that devices hold, by the names that stores have for them.
ON_DEVICES = {
    "attachment": "attachments",
    "case_conflict": "conflicts",
    "case_file": "cases",
    "case_helper": "helpers",
    "case_member": "members",
    "contact_attempt": "contact_attempts",
    "message": "messages",
    "message_case": "message_cases",
    "note": "notes",
    "outbox": "outbox",
    "person": "persons",
    "sync_extra": "extras",
    "sync_issue": "issues",
    "task": "tasks",
    "timer": "timers",
}
NOT_ON_DEVICES = {
    "allowance", "audit_entry", "audit_head", "breach", "call", "case_category", "case_circumstances",
    "case_decline", "case_event", "case_party", "case_phone", "case_wall", "command", "consent",
    "contact_point", "conversation", "credential", "device", "dial", "disclosure", "erasure", "export_job",
    "feed", "feed_doc", "feed_head", "guardian", "heartbeat", "inbox", "legal_hold", "missed_call",
    "organisation", "party", "party_name", "phone_rule", "prompt", "prompt_desk", "published",
    "published_month", "recording", "recovery", "recovery_code", "referral", "safe_contact",
    "sign_in_attempt", "sync_held", "sync_mention", "sync_op", "sync_refused", "token", "triage_correction",
    "worker",
}  # fmt: skip
# Functions that write to such a table and change no document.
SILENT = {
    "mark": "how far letting go has come is not shown; the use case notes every document of the case",
    "flush": "the timeline counts its items; the count is shown nowhere",
    "add_message": "a text is in no case before it is linked",
    "seal_births": "the day is the same as before, only sealed",
    "add_person": "nobody points at a new person yet",
    "claim_due": "to devices a text that waits is queued, whoever holds it",
    "offer": "as claim_due",
    "known_as": "the carrier's id is not shown",
    "postpone": "when the worker looks at a file again is not shown",
}
WRITES = {"insert", "update", "delete", "insert_new", "insert_or_change"}


def _writers() -> Iterator[tuple[Path, ast.FunctionDef, str]]:
    for path in modules("app"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef):
                for table in sorted(_written(node) & set(ON_DEVICES.values())):
                    yield path, node, table


def _written(function: ast.FunctionDef) -> set[str]:
    return {
        argument.id
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in WRITES
        for argument in call.args
        if isinstance(argument, ast.Name)
    }


def _notes(function: ast.FunctionDef) -> bool:
    return any(
        isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "note"
        for call in ast.walk(function)
    )


def test_every_table_says_whether_devices_hold_what_is_in_it() -> None:
    tables = set(SQLModel.metadata.tables)
    assert tables - ON_DEVICES.keys() - NOT_ON_DEVICES == set(), "say in this file which it is"
    assert ON_DEVICES.keys() & NOT_ON_DEVICES == set()
    assert ON_DEVICES.keys() <= tables


def test_whoever_writes_what_devices_hold_notes_it() -> None:
    writers = list(_writers())
    silent = [
        f"{shown(path)}: {function.name} writes {table}"
        for path, function, table in writers
        if not _notes(function) and function.name not in SILENT
    ]
    assert len(writers) > 20
    assert silent == []


@pytest.mark.parametrize("name", sorted(SILENT))
def test_every_exception_is_still_one(name: str) -> None:
    assert [function for _, function, _ in _writers() if function.name == name and not _notes(function)]
