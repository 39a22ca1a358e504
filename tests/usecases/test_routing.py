"""Routing from a text to a caseworker, or to the coordinator: who gets a case, and what is said of why."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from app.cases.rules.stages import Queue
from app.cli.demo import organisations_of
from app.cli.main import app as spean
from app.identity.rules import Role, Worker
from app.routing.rules import Why
from app.usecases.answers import Answer
from app.usecases.setting_up import load_organisations
from tests.makers import KHMER_LOCKED_IN, KHMER_UNPAID, LOTUS, ROOT, STAR, TONLE, Installation

THAI, CAMBODIAN, KOREAN = "+668123456{:02}", "+8551234567{:02}", "+82101234567{}"
NIGHT = datetime(2026, 6, 8, 16, 0, tzinfo=UTC)  # eleven in the evening in Phnom Penh


def route(here: Installation, body: str = KHMER_UNPAID, *, sender: str = THAI.format(78)) -> Answer:
    answer = here.a_text(body, sender=sender)
    assert answer.case is not None
    return answer


def owner(answer: Answer) -> UUID | None:
    assert answer.case is not None
    return answer.case.owner_id


def because(answer: Answer) -> dict[str, dict[str, Any]]:
    return {reason["rule"]: {k: v for k, v in reason.items() if k != "rule"} for reason in answer.because}


def off_duty(here: Installation, worker: Worker) -> None:
    assert here.ask(worker, "PATCH", "/v1/me", {"on_duty": False}).status_code == 200


def capacities(here: Installation, **by_code: int) -> None:
    changed = [
        replace(o, capacity=by_code.get(o.code.replace("-", "_"), o.capacity))
        for o in organisations_of(here.application)
    ]
    with here.office.work(here.clock.now()) as uow:
        load_organisations(uow, changed)


def test_who_names_the_problem_and_the_country_comes_before_who_takes_anything(here: Installation) -> None:
    here.a_worker(organisation=TONLE)
    special = here.a_worker(organisation=LOTUS)
    answer = route(here)
    assert owner(answer) == special.id
    assert because(answer) == {
        "coverage.category": {"category": "unpaid_wages", "organisation": LOTUS, "named": "unpaid_wages"},
        "coverage.destination": {"destination": "TH", "named": "TH"},
        "language.spoken": {"language": "km"},
        "load.least": {"open_cases": 0, "limit": 30},
    }


def test_the_reasons_stand_in_the_timeline_as_codes_and_plain_values(here: Installation) -> None:
    worker = here.a_worker()
    answer = route(here)
    assert answer.case is not None
    items = here.ask(worker, "GET", f"/v1/cases/{answer.case.id}/timeline").json()["items"]
    (routed,) = [item for item in items if item["kind"] == "case.routed"]
    assert routed["owner_id"] == str(worker.id)
    assert routed["organisation_id"] == str(worker.organisation_id)
    assert routed["because"]
    for reason in routed["because"]:
        assert reason["rule"] in set(Why)
        assert all(isinstance(value, str | int) for value in reason.values())


@pytest.mark.parametrize(
    ("sender", "body", "destination"),
    [
        (THAI.format(78), KHMER_UNPAID, "TH"),
        (KOREAN.format(8), KHMER_UNPAID, "KR"),
        (CAMBODIAN.format(8), KHMER_UNPAID, None),
        (CAMBODIAN.format(8), f"{KHMER_UNPAID} នៅម៉ាឡេស៊ី", "MY"),
        ("anonymous", f"{KHMER_UNPAID} នៅម៉ាឡេស៊ី", "MY"),
        ("anonymous", KHMER_UNPAID, None),
    ],
)
def test_the_country_is_that_of_the_number_or_the_one_that_the_text_names(
    here: Installation, sender: str, body: str, destination: str | None
) -> None:
    here.a_worker()
    here.a_worker(organisation=LOTUS)
    answer = route(here, body, sender=sender)
    assert answer.case is not None
    assert answer.case.destination_country == destination
    # Lotus works in Thailand and Malaysia alone; what nobody knows goes to who works everywhere.
    assert (answer.organisation == "Lotus Legal Aid") == (destination in {"TH", "MY"})
    unknown = {"organisation": TONLE}
    assert because(answer).get("coverage.destination_unknown") == (None if destination else unknown)


def test_what_is_urgent_goes_to_who_is_open_now_and_the_rest_may_wait_on_a_desk(here: Installation) -> None:
    awake, asleep = here.a_worker(), here.a_worker(organisation=LOTUS)
    here.clock.set(NIGHT)
    extended = route(here, "គេបង្ខំឱ្យខ្ញុំបន្តកុងត្រា មិនឱ្យត្រឡប់ទៅស្រុក", sender=THAI.format(1))
    assert extended.case is not None
    assert owner(extended) == awake.id
    assert because(extended)["hours.closed"] == {"organisation": LOTUS}
    assert owner(route(here, sender=THAI.format(2))) == asleep.id


def test_who_has_not_confirmed_what_they_do_comes_second(here: Installation) -> None:
    doubtful = here.a_worker(organisation=STAR)
    first = route(here, sender=KOREAN.format(1))
    assert owner(first) == doubtful.id
    assert because(first)["coverage.unverified"] == {"organisation": STAR}
    sure = here.a_worker(organisation=TONLE)
    assert owner(route(here, sender=KOREAN.format(2))) == sure.id


def test_who_speaks_the_language_comes_first_and_khmer_is_better_than_nobody(here: Installation) -> None:
    thai_speaker = here.a_worker(organisation=LOTUS, languages=("th", "km"))
    khmer_speaker = here.a_worker(organisation=LOTUS)
    english = here.a_text("my boss did not pay my salary for 2 months", sender=THAI.format(1))
    assert owner(english) in {thai_speaker.id, khmer_speaker.id}
    assert because(english)["language.fallback"] == {"language": "en", "spoken": "km"}
    speaker = here.a_worker(organisation=TONLE, languages=("en",))
    better = here.a_text("my boss did not pay my salary for 2 months", sender=THAI.format(2))
    assert owner(better) == speaker.id
    assert because(better)["language.spoken"] == {"language": "en"}


def test_whoever_is_off_duty_is_passed_over(here: Installation) -> None:
    resting, working = here.a_worker(), here.a_worker()
    off_duty(here, resting)
    answer = route(here)
    assert owner(answer) == working.id
    assert because(answer)["duty.off"] == {"workers": 1}


def test_cases_go_round_and_to_who_carries_least(here: Installation) -> None:
    workers = [here.a_worker() for _ in range(3)]
    given = []
    for n in range(9):
        here.clock.forward(minutes=1)
        given.append(owner(route(here, sender=THAI.format(n))))
    assert sorted(map(str, given)) == sorted(str(worker.id) for worker in workers for _ in range(3))
    assert len(set(given[:3])) == 3
    (first,) = [worker for worker in workers if worker.id == given[0]]
    mine = here.ask(first, "GET", "/v1/cases?owner=me").json()["items"]
    closing = {"outcome": "information_only", "client_informed": "yes"}
    assert here.ask(first, "POST", f"/v1/cases/{mine[0]['id']}/close", closing).status_code == 200
    answer = route(here, sender=THAI.format(50))
    assert owner(answer) == first.id
    assert because(answer)["load.least"] == {"open_cases": 2, "limit": 30}


def test_the_same_situation_has_the_same_outcome_whatever_the_order_of_rows(
    install: Callable[..., Installation],
) -> None:
    outcomes = set()
    for order in permutations((TONLE, LOTUS, STAR)):
        here = install()
        for organisation in order:
            here.a_worker(organisation=organisation)
            here.clock.forward(seconds=1)
        answers = [
            route(here, sender=THAI.format(1)), route(here, sender=KOREAN.format(1)),
            route(here, KHMER_LOCKED_IN, sender=CAMBODIAN.format(1)),
        ]  # fmt: skip
        outcomes.add(tuple((a.organisation, str(a.because)) for a in answers))
    assert len(outcomes) == 1


def test_a_full_desk_is_passed_over_and_full_desks_everywhere_mean_the_coordinator(
    install: Callable[..., Installation],
) -> None:
    here = install(worker_case_limit=2)
    coordinator = here.a_worker(Role.COORDINATOR)
    here.a_worker()
    other = here.a_worker(organisation=LOTUS)
    given = []
    for n in range(5):
        here.clock.forward(minutes=1)
        given.append(route(here, sender=THAI.format(n)))
    assert [owner(answer) == other.id for answer in given] == [True, True, False, False, False]
    last = given[-1]
    assert last.case is not None
    assert (owner(last), last.case.queue) == (None, Queue.COORDINATOR)
    assert because(last) == {"nobody.eligible": {}, "load.full": {"workers": 2}}
    assert last.next_timer is not None
    # Unpaid wages are U3, whose clock is hours: what nobody took runs at least as fast as U2.
    assert (last.next_timer.plan.due_at - last.case.opened_at).total_seconds() <= 3600
    seen = here.ask(coordinator, "GET", "/v1/cases").json()["items"]
    assert [item["id"] for item in seen] == [str(last.case.id)]


def test_a_desk_that_fills_up_is_warned_of(here: Installation) -> None:
    here.a_worker()
    answers = [route(here, sender=THAI.format(n)) for n in range(21)]
    assert "load.high" not in because(answers[19])
    assert because(answers[20])["load.high"] == {"open_cases": 20, "limit": 30}


def test_an_organisation_that_is_full_gets_no_more(here: Installation) -> None:
    here.a_worker(Role.COORDINATOR)
    here.a_worker()
    other = here.a_worker(organisation=LOTUS)
    capacities(here, lotus_legal=1, tonle_bridge=1)
    first, second, third = (route(here, sender=THAI.format(n)) for n in range(3))
    assert owner(first) == other.id
    assert because(second)["capacity.full"] == {"organisation": LOTUS}
    assert second.organisation == "Tonle Bridge"
    assert owner(third) is None
    full = [reason for reason in third.because if reason["rule"] == "capacity.full"]
    assert sorted(reason["organisation"] for reason in full) == [LOTUS, TONLE]
    assert third.next_timer is not None


def test_whoever_declines_is_not_asked_again_and_the_last_no_goes_to_the_coordinator(
    here: Installation,
) -> None:
    coordinator = here.a_worker(Role.COORDINATOR)
    workers = {str(worker.id): worker for worker in (here.a_worker(), here.a_worker(organisation=LOTUS))}
    answer = route(here)
    assert answer.case is not None
    case_id, asked = answer.case.id, []
    while (holder := _owner_now(here, case_id)) is not None:
        asked.append(holder)
        here.clock.forward(minutes=1)
        declining = here.ask(workers[holder], "POST", f"/v1/cases/{case_id}/decline", {"reason": "ឈឺ"})
        assert declining.status_code == 200
    assert sorted(asked) == sorted(workers)
    case = here.ask(coordinator, "GET", f"/v1/cases/{case_id}").json()
    assert (case["owner_id"], case["status"]) == (None, "triaged")
    assert case["next_timer"] is not None
    routed = [details for kind, details in here.timeline(case_id) if kind == "case.routed"]
    assert [item["rule"] for item in routed[-1]["because"]] == ["nobody.eligible", "declined.before"]
    assert routed[-1]["because"][1]["workers"] == 2


def test_who_opens_a_case_at_the_desk_keeps_it(here: Installation) -> None:
    here.a_worker()
    worker = here.a_worker(organisation=LOTUS)
    made = here.ask(worker, "POST", "/v1/cases", {"categories": ["detention"]}).json()
    assert made["owner_id"] == str(worker.id)
    routed = [details for kind, details in here.timeline(UUID(made["id"])) if kind == "case.routed"]
    assert routed[0]["because"] == [{"rule": "opened.by_worker"}]


def test_the_catalogues_have_one_sentence_for_each_reason_and_no_other(here: Installation) -> None:
    catalogues = here.office.rulebook.catalogues
    for language in ("km", "en"):
        held = {key for key in catalogues.keys(language) if key.startswith("because.")}
        assert held == {f"because.{why.value}" for why in Why}


def test_every_reason_of_a_case_can_be_said_in_both_languages(here: Installation) -> None:
    here.a_worker()
    lotus = here.a_worker(organisation=LOTUS)
    off_duty(here, lotus)
    answers = [route(here, sender=THAI.format(1)), route(here, sender=KOREAN.format(1))]
    off_duty(here, here.a_worker())
    for answer in answers:
        for reason in answer.because:
            for language in ("km", "en"):
                sentence = here.office.rulebook.catalogues.fill(f"because.{reason['rule']}", language, reason)
                assert "{" not in sentence
                assert str(reason.get("organisation", "")) in sentence


def test_the_command_line_says_why_in_sentences(
    here: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SPEAN_DATABASE_URL", here.application.settings.database_url)
    monkeypatch.setenv("SPEAN_KEYS_FILE", str(here.application.settings.keys_file))
    monkeypatch.setenv("SPEAN_CONFIG_DIR", str(ROOT / "config"))
    monkeypatch.setenv("SPEAN_LOCALES_DIR", str(ROOT / "locales"))
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(
        spean, ["simulate", "text", "--from", THAI.format(78), KHMER_UNPAID], env={"COLUMNS": "200"}
    )
    assert result.exit_code == 0, result.output
    assert "Speaks the person's language (km)." in result.output
    assert "lotus-legal works on this kind of problem: unpaid_wages." in result.output
    assert "coverage.category" not in result.output


def _owner_now(here: Installation, case_id: UUID) -> str | None:
    with here.office.look() as uow:
        case = uow.cases.get(case_id, None)
    return str(case.owner_id) if case and case.owner_id else None
