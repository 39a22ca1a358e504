"""H24: nothing leads to an employer: no referral, no purpose of a text, no function that writes one."""

import ast

from app.cases.rules.consent import Recipient
from app.cases.rules.sharing import Basis, Item
from app.configuration import SHIPPED, load_configuration
from app.outbox.rules import STAFF, Purpose
from tests.house.tree import modules, parsed, shown

EMPLOYERS = ("employer", "recruiter", "agency", "broker", "boss", "company")
# To whom each purpose may speak. A new purpose has to be put here, and so to be thought about.
TO_PEOPLE = {
    Purpose.ACKNOWLEDGE, Purpose.QUESTION, Purpose.ANSWER, Purpose.OPT_OUT, Purpose.DECOY,
    Purpose.WORKER_TEXT,
}  # fmt: skip
# What says a text: reception and callers to whoever wrote or called, workers to a phone of the case, alerts
# to staff. A new module here has to be thought about too.
SPEAKERS = {
    "app/usecases/words.py",
    "app/usecases/conversing.py",
    "app/usecases/writing.py",
}
HELD_BY_EMPLOYER = "held_by_employer"  # a phone in an employer's hands: by which nothing is sent


def _named_after_employers(names: list[str]) -> list[str]:
    return [name for name in names if any(word in name.lower() for word in EMPLOYERS)]


def test_h24_no_recipient_purpose_basis_or_item_is_an_employer() -> None:
    words = [one.value for kind in (Recipient, Purpose, Basis, Item) for one in kind]
    assert _named_after_employers(words) == []
    policy = load_configuration(SHIPPED).consent
    assert _named_after_employers([*policy.purposes, *(to.value for to in policy.recipients)]) == []


def test_h24_every_purpose_speaks_to_the_person_or_to_staff() -> None:
    assert set(Purpose) == TO_PEOPLE | STAFF


def _says(tree: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"say", "Words"}
        for node in ast.walk(tree)
    )


def test_h24_texts_are_said_in_few_places() -> None:
    found = {shown(path) for path in modules("app") if _says(parsed(path))}
    assert {name for name in found if not name.startswith("app/usecases/")} == set()
    assert found - SPEAKERS == set(), "who is written to here?"


def test_h24_nothing_in_the_program_is_named_after_an_employer_but_the_rule_against_their_phones() -> None:
    named = {
        (shown(path), node.name)
        for path in modules("app")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and _named_after_employers([node.name])
    }
    assert {name for _, name in named if name != HELD_BY_EMPLOYER} == set()


def test_h24_a_new_way_to_write_to_somebody_is_seen() -> None:
    assert _says(ast.parse("say(uow, Words(employer, ('sms.raid',)), now=now)"))
    assert _named_after_employers(["tell_employer", "tell_owner"]) == ["tell_employer"]
