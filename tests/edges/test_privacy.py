"""Privacy from the first row: what people write is nowhere to be read but by those whom it is for."""

import io
import logging
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from app.cli.logs import log_plainly
from app.identity.rules import Role
from tests.command_line import CommandLine
from tests.makers import Installation
from tests.message_town import MP3_FRAME, a_message_town
from tests.peers import web_client
from tests.privacy_doors import everything_is_said_and_done, on_disk
from tests.privacy_stage import FLOWERS, NAMES, PHONES, WORDS, Stage
from tests.searching import Search, everything_kept, forms_of, spellings_of
from tests.twilio_town import PUBLIC, a_town


@pytest.fixture(name="stage")
def _stage(install: Callable[..., Installation]) -> Iterator[Stage]:
    with a_town(install) as town, web_client(30) as client:
        yield Stage(town, town.carrier.proxies[PUBLIC], client)


@pytest.fixture(name="logs")
def _logs() -> Iterator[io.StringIO]:
    """Logs as the running server writes them, but of everything, down to the least."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    log_plainly(stream)
    root.setLevel(logging.DEBUG)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


def test_what_people_write_is_found_in_no_file_no_log_no_figure_and_no_error(
    stage: Stage, logs: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    here, search = stage.here, Search(WORDS)
    worker = here.a_worker(name=NAMES["worker"], phone=PHONES["worker"])
    lead = here.a_worker(Role.SUPERVISOR)
    here.a_worker()  # to whom a declined case can go
    everything_is_said_and_done(stage, worker, lead)
    assert FLOWERS["summary"] not in stage.ask(lead, "GET", "/v1/cases").text
    exported = stage.ask(lead, "GET", "/v1/exports/cases.csv")
    assert FLOWERS["new summary"] in exported.text
    named = Search([*(one for phone in PHONES.values() for one in spellings_of(phone)), *NAMES.values()])
    assert named.found_in({"cases.csv": exported.content}) == []
    here.application.forgetting.once(here.clock.now())
    printed = capfd.readouterr()
    metrics = stage.ask(None, "GET", "/metrics")
    assert "spean_faults_total{" in metrics.text
    assert "fault" in logs.getvalue()
    assert "arrival_not_taken" in logs.getvalue()
    places = {
        **everything_kept(here.office.database), **stage.errors, **on_disk(here),
        "logs": logs.getvalue().encode(), "printed": (printed.out + printed.err).encode(),
        "metrics": metrics.content, "openapi": stage.ask(None, "GET", "/openapi.json").content,
    }  # fmt: skip
    assert len(stage.errors) > 40
    assert len(places) > 50
    assert search.found_in(places) == []


def test_what_callers_leave_is_found_in_no_file_and_no_row(
    install: Callable[..., Installation], logs: io.StringIO
) -> None:
    with a_message_town(install) as town:
        town.here.a_worker()
        recording = town.leave(from_=PHONES["caller"])
        assert recording is not None
        town.work()
        assert town.row.state in {"kept", "finished"}
        places = {
            **everything_kept(town.here.office.database), **on_disk(town.here),
            "logs": logs.getvalue().encode(),
        }  # fmt: skip
        assert any(len(content) > 0 for name, content in places.items() if "recordings" in name)
        assert Search(spellings_of(PHONES["caller"])).found_in(places) == []
        sound = MP3_FRAME[:4]
        assert not any(content.count(sound) > 3 for name, content in places.items() if "recordings" in name)


# The search itself ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["812345671", "សុភាពចន្ថា", FLOWERS["note"]])
def test_the_search_finds_a_word_in_every_form_wherever_it_stands(word: str) -> None:
    search = Search([word])
    for name, form in forms_of(word).items():
        assert search.found_in({"somewhere": b"x" * 77 + form + b"y"}), name


def test_the_search_finds_what_a_database_keeps_open(here: Installation) -> None:
    flower, phone = FLOWERS["note"], PHONES["case"]
    with here.office.work(here.clock.now()) as uow:
        uow.heartbeats.beat(f"{flower} {phone}", here.clock.now())
    found = " ".join(Search([flower, *spellings_of(phone)]).found_in(everything_kept(here.office.database)))
    assert flower in found
    assert spellings_of(phone)[0] in found


# A process that dies --------------------------------------------------------------------------------------

DIES = """
import faulthandler, os, sys
from app.cli.main import main
from app.cli import simulate
words = sys.argv[-1]
def dies(*given, **named):
    held = [words, given, named]
    os.abort()
simulate.answer_of = dies
sys.argv = ["spean", "simulate", "text", "--from", "{phone}", words]
main()
"""


def a_dying(
    spean: CommandLine, folder: Path, program: str, *words: str
) -> "subprocess.CompletedProcess[str]":
    """A process of ours that meets its end, as an operator would see it with every trace switched on."""
    environment = spean.whole_environment(
        {"PYTHONFAULTHANDLER": "1", "PYTHONDEVMODE": "1", "PYTHONWARNINGS": "default"}
    )
    return subprocess.run(
        [sys.executable, *(["-c", program] if program else ["-m", "app"]), *words], cwd=folder,
        env=environment, capture_output=True, text=True, check=False, timeout=120,
        preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        ),
    )  # fmt: skip


def test_a_process_that_is_killed_by_its_own_fault_leaves_no_words_and_no_core(
    here: Installation, spean: CommandLine, tmp_path: Path
) -> None:
    folder = tmp_path / "dying"
    folder.mkdir()
    died = a_dying(spean, folder, DIES.replace("{phone}", PHONES["faulty"]), FLOWERS["dying"])
    assert died.returncode == -signal.SIGABRT, died.stderr
    assert "Fatal Python error" in died.stderr
    left = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert left == {}
    told = {"printed": (died.stdout + died.stderr).encode()}
    assert Search([FLOWERS["dying"], *spellings_of(PHONES["faulty"])]).found_in(told) == []


def test_an_error_that_nobody_caught_quotes_nothing_that_a_statement_was_given(
    here: Installation, spean: CommandLine, tmp_path: Path
) -> None:
    with here.office.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE inbox RENAME TO inbox_gone")
    died = a_dying(
        spean, tmp_path, "", "simulate", "text", "--from", PHONES["faulty"], FLOWERS["dying"], "--json"
    )
    assert died.returncode == 1
    assert "does not answer, or lacks its tables" in died.stderr
    told = {"printed": (died.stdout + died.stderr).encode()}
    assert Search([FLOWERS["dying"], *spellings_of(PHONES["faulty"])]).found_in(told) == []


def test_the_search_looks_at_every_file_beside_the_database(here: Installation) -> None:
    settings = here.application.settings
    for file in (settings.files_dir / "prompts" / "x", settings.ledger_file, settings.anchors_file):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(FLOWERS["note"], "utf-8")
    found = Search([FLOWERS["note"]]).found_in(on_disk(here))
    assert len([one for one in found if "as utf-8 in" in one]) == 3
