"""Setting up an installation: organisations from the configuration, workers, the demo."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from app.audit.rules import Deed
from app.crypto.passwords import hash_password
from app.identity.rules import SHORTEST_PASSWORD, Organisation, PasswordUnfit, Role, must_be_a_password
from app.identity.store import NewWorker
from app.kernel.ids import new_id
from app.kernel.phone import Phone
from app.kernel.refusal import Refusal
from app.usecases.unit_of_work import UnitOfWork

LONGEST_NAME: Final = 64
_DIGITS_OF_A_PHONE: Final = 7
_OF_AN_ORGANISATION: Final = frozenset({Role.CASEWORKER, Role.DUTY_LEAD, Role.SUPERVISOR})

_POSTS: Final = (
    ("case1", Role.CASEWORKER),
    ("case2", Role.CASEWORKER),
    ("lead", Role.DUTY_LEAD),
    ("supervisor", Role.SUPERVISOR),
)
_INVENTED: Final = (
    ("សុខា ទន្លេ", "+85510000110"),
    ("ចិន្តា ភ្នំ", "+85510000111"),
    ("ដារ៉ា មេឃ", "+85510000112"),
    ("បុប្ផា ទឹក", "+85510000113"),
    ("រស្មី ព្រៃ", "+85510000114"),
    ("វិចិត្រ ដី", "+85510000115"),
    ("កល្យាណ ផ្កា", "+85510000116"),
    ("ពិសិដ្ឋ ថ្ម", "+85510000117"),
    ("មាលា ខ្យល់", "+85510000118"),
    ("សំណាង ភ្លៀង", "+85510000119"),
    ("ស្រីពៅ បឹង", "+85510000120"),
    ("ធីតា ស្ទឹង", "+85510000121"),
)


class CannotAddWorker(Refusal):
    """The worker cannot be added; `problem` says why."""

    code = "worker.not_added"
    status = 422


@dataclass(frozen=True, slots=True)
class WorkerWish:
    """A worker whom somebody wants to add."""

    username: str
    password: str
    role: Role
    organisation: str | None
    name: str | None
    phone: Phone | None
    languages: frozenset[str]
    trained_for_children: bool = False


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody invented, with the number that the demo made up for them."""

    username: str
    role: Role
    organisation: str | None
    name: str
    phone: str
    languages: tuple[str, ...] = ("km",)
    trained_for_children: bool = False


def organisation_id(code: str) -> UUID:
    """The id of the organisation with this code: the same on every installation."""
    return uuid5(NAMESPACE_URL, f"urn:spean:organisation:{code}")


def load_organisations(uow: UnitOfWork, configured: Iterable[Organisation]) -> None:
    """Make the organisations what the configuration says; those no longer in it take no more cases."""
    listed = list(configured)
    for organisation in listed:
        uow.identity.save_organisation(organisation)
    uow.identity.retire_organisations(but=[organisation.code for organisation in listed])


def add_worker(uow: UnitOfWork, wish: WorkerWish, *, now: datetime, is_demo: bool = False) -> UUID:
    """A new worker who can sign in. Raises: CannotAddWorker.

    The demo's passwords are made up by us from random keys, so a quick hash keeps them as well.
    """
    _must_be_a_name(wish.username)
    if uow.identity.worker_named(wish.username):
        raise CannotAddWorker(problem="the name is taken")
    if len(wish.password) < SHORTEST_PASSWORD:
        raise CannotAddWorker(problem=f"the password needs {SHORTEST_PASSWORD} characters")
    try:
        must_be_a_password(wish.username, wish.password)
    except PasswordUnfit:
        raise CannotAddWorker(problem="the password is the name, or one letter again and again") from None
    organisation = uow.identity.organisation_id(wish.organisation) if wish.organisation else None
    if wish.organisation and organisation is None:
        raise CannotAddWorker(problem="no organisation has this code")
    if (wish.role in _OF_AN_ORGANISATION) != (organisation is not None):
        raise CannotAddWorker(problem="the role and the organisation do not go together")
    worker_id = new_id(now)
    uow.identity.add_worker(
        NewWorker(
            worker_id, wish.username, hash_password(wish.password, cheap=is_demo), wish.role, organisation,
            wish.name, wish.phone, wish.languages, is_demo,
            wish.trained_for_children,
        ),
        now,
    )  # fmt: skip
    uow.audit.record(Deed("worker.added", "cli", worker_id, {"role": wish.role.value}))
    return worker_id


def _must_be_a_name(username: str) -> None:
    """Sign-in names lie open in the database, so none may be a phone number. Raises: CannotAddWorker."""
    if not 1 < len(username) <= LONGEST_NAME or not username.isprintable() or " " in username:
        raise CannotAddWorker(problem=f"the name needs 2 to {LONGEST_NAME} characters without a blank")
    if sum(char.isdecimal() for char in username) >= _DIGITS_OF_A_PHONE:
        raise CannotAddWorker(problem="the name looks like a phone number")


def demo_people(organisations: Iterable[Organisation]) -> list[DemoPerson]:
    """Two caseworkers, a duty lead and a supervisor for each organisation, a coordinator and an admin.

    Every name and number is invented.
    """
    names = iter(_INVENTED)
    people: list[DemoPerson] = []
    for organisation in organisations:
        stem = organisation.code.split("-", 1)[0]
        spoken = tuple(sorted(organisation.languages))
        for suffix, role in _POSTS:
            name, phone = next(names, ("សាកល្បង", f"+8551000{len(people):04d}"))
            # One caseworker of each is not, so that the demo shows the difference.
            trained = suffix != "case2"
            people.append(
                DemoPerson(f"{stem}.{suffix}", role, organisation.code, name, phone, spoken, trained)
            )
    people.append(DemoPerson("coordinator", Role.COORDINATOR, None, "ចាន់ធូ សំបូរ", "+85510000201", ("km", "en")))
    people.append(DemoPerson("admin", Role.ADMIN, None, "រដ្ឋា គីរី", "+85510000202", ("km", "en")))
    return people
