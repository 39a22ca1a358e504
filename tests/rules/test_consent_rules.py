"""What consent is worth, who counts as a child, and how a handing over begins and ends: the pure rules."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cases.rules import sharing
from app.cases.rules.consent import (
    Asking,
    BadPurpose,
    By,
    Channel,
    Consent,
    ConsentPolicy,
    Minor,
    Recipient,
    Said,
    closes,
    counts,
)
from app.cases.rules.guards import ChildSigns, Guard, child_among, is_minor, shows_note
from app.cases.rules.sharing import Basis, Ended, Item, NotWaiting, ReasonTooShort, Referral, ReferralState
from app.cases.rules.stages import Sight
from app.configuration import SHIPPED, ConfigurationError, load_configuration
from app.identity.rules import Role, Worker
from tests.config_folder import a_folder, change

NOW = datetime(2026, 6, 8, 3, tzinfo=UTC)
CASE, PERSON, WORKER, OTHER = (UUID(int=number) for number in range(1, 5))


def _answer(said: Said, by: By) -> Consent:
    return Consent(
        UUID(int=9), CASE, PERSON, "share_authorities", None, said, by, Channel.CALL, "km", WORKER, NOW
    )


def _referral(**changes: object) -> Referral:
    plain = Referral(
        id=UUID(int=8), case_id=CASE, from_organisation_id=None, to=Recipient.POLICE, organisation_id=None,
        recipient=None, purpose="p", needs="share_authorities", items=(Item.NAME,), people=(PERSON,),
        basis=Basis.CONSENT, reason="r" * 20, by=WORKER, at=NOW,
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]  # names and values of a referral


@given(st.sampled_from(Said), st.sampled_from(By))
def test_only_a_yes_of_their_own_or_of_whom_they_appointed_counts_for_adults(said: Said, by: By) -> None:
    expected = said is Said.GIVEN and by in {By.PERSON, By.REPRESENTATIVE}
    assert counts(_answer(said, by), None) is expected


@given(st.sampled_from(Said), st.sampled_from(By), st.sampled_from(Said), st.booleans())
def test_nothing_counts_against_a_child_and_nothing_of_a_suspect(
    said: Said,
    by: By,
    assent: Said,
    suspect: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    worth = counts(_answer(said, by), Minor(assent, suspect))
    if said is not Said.GIVEN or assent in {Said.REFUSED, Said.WITHDRAWN} or by in {By.PERSON, By.FAMILY}:
        assert not worth
    elif by is By.GUARDIAN:
        assert worth is not suspect
    else:
        assert worth


def test_no_answer_is_no_consent() -> None:
    assert not counts(None, None)
    assert not counts(None, Minor(Said.GIVEN))


def test_a_no_to_the_purpose_or_to_the_service_closes() -> None:
    assert closes(Said.WITHDRAWN, "share_authorities", ["share_authorities"])
    assert closes(Said.REFUSED, "services", ["share_authorities"])
    assert not closes(Said.WITHDRAWN, "media", ["share_authorities"])
    assert not closes(Said.GIVEN, "services", ["share_authorities"])


def test_an_override_needs_a_reason_without_the_blanks_around_it() -> None:
    with pytest.raises(ReasonTooShort):
        sharing.override(_referral(reason="r" * 19 + " " * 10), Asking("x"), Basis.VITAL_INTEREST)
    done = sharing.override(_referral(), Asking("x"), Basis.LEGAL_DEMAND)
    assert (done.state, done.basis) == (ReferralState.OPEN, Basis.LEGAL_DEMAND)
    waits = sharing.override(_referral(), Asking("x", second_person=True), Basis.VITAL_INTEREST)
    assert waits.state is ReferralState.NEEDS_SECOND


@given(st.permutations([Ended.REVOKED, Ended.CONSENT_WITHDRAWN, Ended.CASE_CLOSED, Ended.WALL]))
def test_what_ended_stays_as_it_first_ended(order: list[Ended]) -> None:
    referral = _referral()
    for step, because in enumerate(order):
        referral = sharing.end(referral, because, now=NOW + timedelta(hours=step))
    assert (referral.ended_because, referral.ended_at) == (order[0], NOW)
    with pytest.raises(NotWaiting):
        sharing.confirm(referral, by=OTHER, now=NOW)


def test_a_referral_concerns_its_people_or_else_whoever_is_not_written_down() -> None:
    assert sharing.concerns(_referral(), PERSON)
    assert not sharing.concerns(_referral(), OTHER)
    assert not sharing.concerns(_referral(), None)
    assert sharing.concerns(_referral(people=()), None)


@given(st.dates(date(1950, 1, 1), date(2026, 6, 8)))
def test_whoever_has_not_had_their_eighteenth_birthday_is_a_minor(born: date) -> None:
    today = date(2026, 6, 8)
    birthday = date(born.year + 18, 3, 1) if (born.month, born.day) == (2, 29) else None
    birthday = birthday or born.replace(year=born.year + 18)
    assert is_minor(born, today) is (today < birthday)


BIRTHS = st.lists(st.sampled_from([None, date(2015, 1, 1), date(1990, 1, 1)]), max_size=4)


@given(BIRTHS, st.booleans())
def test_a_child_is_known_or_suspected_until_all_ages_are_known(
    births: list[date | None],
    signs: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    found = child_among(births, date(2026, 6, 8), signs=signs)
    assert found is (date(2015, 1, 1) in births or (signs and (not births or None in births)))


def test_signs_of_a_child_are_categories_or_rules() -> None:
    signs = ChildSigns(frozenset({"missing_person"}), frozenset({"urgency.child_taken"}))
    assert signs.shown_by(["missing_person"], [])
    assert signs.shown_by([], [{"rule": "urgency.child_taken"}])
    assert not signs.shown_by(["detention"], [{"rule": "detention.locked_in"}])


@given(st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_a_guard_keeps_out_the_walled_and_for_a_child_the_untrained(
    child: bool,  # noqa: FBT001 - drawn by hypothesis
    walled: bool,  # noqa: FBT001 - drawn by hypothesis
    theirs: bool,  # noqa: FBT001 - drawn by hypothesis
    trained: bool,  # noqa: FBT001 - drawn by hypothesis
    coordinates: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    guard = Guard(child, frozenset({WORKER} if walled else ()), frozenset({CASE} if theirs else ()))
    sight = Sight(WORKER, None if coordinates else CASE, coordinates, trained)
    kept = walled or (theirs and not coordinates) or (child and not trained and not coordinates)
    assert guard.keeps_out(sight) is kept
    assert guard.stands is (child or walled or theirs)


@given(st.sampled_from(Role), st.booleans(), st.booleans(), st.booleans())
def test_a_restricted_note_is_for_its_author_their_supervisors_and_coordinators(
    role: Role,
    restricted: bool,  # noqa: FBT001 - drawn by hypothesis
    wrote: bool,  # noqa: FBT001 - drawn by hypothesis
    ours: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    organisation = None if role in {Role.COORDINATOR, Role.ADMIN} else uuid4()
    reader = Worker(WORKER, "dara", role, organisation, frozenset({"km"}), on_duty=True, active=True)
    of_case = organisation if ours and organisation else uuid4()
    shown = shows_note(
        reader, restricted=restricted, author_id=WORKER if wrote else OTHER, organisation_id=of_case
    )
    in_charge = role is Role.COORDINATOR or (role is Role.SUPERVISOR and of_case == organisation)
    assert shown is (not restricted or wrote or in_charge)


def test_the_shipped_policy_names_every_recipient_and_no_employer() -> None:
    policy = load_configuration(SHIPPED).consent
    assert policy.recipients.keys() == set(Recipient)
    assert [to for to, asking in policy.recipients.items() if asking.second_person] == [Recipient.POLICE]
    assert policy.for_each_organisation == {"share_with_organisation"}
    policy.must_know("share_with_organisation", OTHER)
    for purpose, organisation in (("media", OTHER), ("share_with_organisation", None), ("nothing", None)):
        with pytest.raises(BadPurpose):
            policy.must_know(purpose, organisation)
    with pytest.raises(BadPurpose):
        ConsentPolicy().must_know("media", None)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("embassy: {needs: share_embassy}", "embassy: {needs: nothing}", "recipients.embassy.needs"),
        ("other: {needs: share_authorities}", "", "recipients.other: is missing"),
        ("other: {needs", "employer: {needs", "employer"),
        (
            "organisation: {needs: share_with_organisation}",
            "organisation: {needs: media}",
            "each organisation",
        ),
        ("categories: []", "categories: [lost]", "“lost” is not in categories.yaml"),
    ],
)
def test_a_mistake_in_the_policy_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    folder = a_folder(tmp_path)
    change(folder, "consent.yaml", old, new)
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(folder)
    assert says in str(caught.value)
    assert "consent.yaml" in str(caught.value)
