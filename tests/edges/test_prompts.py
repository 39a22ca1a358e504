"""Prompts as operators bring them and carriers fetch them: imported, listed, checked, served."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.usecases import prompting
from app.usecases.prompting import TONE
from tests.command_line import CommandLine
from tests.makers import ROOT, Installation
from tests.sounds import a_g711_wav, a_wav, an_mp3


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    return folder


def keys(spean: CommandLine) -> list[str]:
    return [one["key"] for one in listed(spean)]


def listed(spean: CommandLine, language: str = "km") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = spean.run("prompts", "list", "--language", language, "--json").json
    return found


def one(spean: CommandLine, key: str, language: str = "km") -> dict[str, Any]:
    return next(prompt for prompt in listed(spean, language) if prompt["key"] == key)


def record_all(spean: CommandLine, folder: Path) -> None:
    for level, key in enumerate(keys(spean)):
        (folder / f"{key}.km.wav").write_bytes(a_wav(1, level=level))
    assert spean.run("prompts", "import", str(folder)).status == 0


def address(here: Installation, key: str = "ivr.menu", language: str = "km") -> str:
    with here.office.look() as uow:
        return uow.prompts.addresses([key], language)[key]


def files(here: Installation) -> list[Path]:
    return sorted((here.application.settings.files_dir / "prompts").iterdir())


def test_a_new_hotline_lists_every_prompt_with_its_words_as_not_recorded(spean: CommandLine) -> None:
    found = listed(spean)
    assert {prompt["recorded"] for prompt in found} == {"no"}
    assert [prompt["number"] for prompt in found] == list(range(1, len(found) + 1))
    assert "ចុចលេខ ១" in one(spean, "ivr.menu")["words"]
    assert "press 1" in one(spean, "ivr.menu", "en")["words"]
    said = spean.run("prompts", "list")
    assert f"  {one(spean, 'ivr.menu')['number']}  ivr.menu  km  recorded: no\n" in said.out


def test_check_names_each_khmer_prompt_that_is_missing_and_is_content_when_none_is(
    spean: CommandLine, folder: Path
) -> None:
    said = spean.run("prompts", "check")
    assert said.status == 1
    assert all(f"{key} (km): nobody has recorded it" in said.out for key in keys(spean))
    record_all(spean, folder)
    assert spean.run("prompts", "check").status == 0
    assert spean.run("prompts", "check", "--json").json == {"ok": True, "faults": []}


def test_the_doctor_warns_of_missing_prompts_and_calls_nothing_wrong(
    spean: CommandLine, folder: Path
) -> None:
    def found() -> dict[str, Any]:
        checks = spean.run("doctor", "--json").json["checks"]
        return next(check for check in checks if check["name"] == "prompts")

    assert found()["ok"]
    line = next(line for line in spean.run("doctor").out.splitlines() if "ivr.menu" in line)
    assert line.startswith("look ")
    assert "spean prompts check" in line
    record_all(spean, folder)
    assert found() == {
        "name": "prompts", "ok": True, "warning": False, "finding": "every Khmer prompt is recorded",
    }  # fmt: skip


def test_an_imported_prompt_is_a_file_that_only_we_read_and_a_row(
    here: Installation, spean: CommandLine, folder: Path
) -> None:
    content = a_wav(2.5)
    (folder / "ivr.menu.km.wav").write_bytes(content)
    said = spean.run("prompts", "import", str(folder))
    assert said.status == 0
    assert "ivr.menu.km.wav: added, 2.5 s" in said.out
    (file,) = files(here)
    assert file.read_bytes() == content
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    known = one(spean, "ivr.menu")
    assert (known["recorded"], known["seconds"], known["by"]) == ("yes", 2.5, None)


def test_importing_the_same_again_changes_nothing(
    here: Installation, spean: CommandLine, folder: Path
) -> None:
    (folder / "ivr.menu.km.wav").write_bytes(a_wav())
    spean.run("prompts", "import", str(folder))
    first, known = address(here), one(spean, "ivr.menu")
    said = spean.run("prompts", "import", str(folder))
    assert said.status == 0
    assert "unchanged" in said.out
    assert (address(here), one(spean, "ivr.menu")) == (first, known)


def test_a_new_recording_has_a_new_address_and_the_old_one_is_gone(
    here: Installation, spean: CommandLine, folder: Path
) -> None:
    (folder / "ivr.menu.km.wav").write_bytes(a_wav())
    spean.run("prompts", "import", str(folder))
    first = address(here)
    (folder / "ivr.menu.km.wav").unlink()
    (folder / "ivr.menu.km.mp3").write_bytes(an_mp3())
    assert "replaced" in spean.run("prompts", "import", str(folder)).out
    assert address(here) != first
    assert here.client.get(f"/prompts/{first}").status_code == 404
    assert here.client.get(f"/prompts/{address(here)}").headers["content-type"] == "audio/mpeg"


def test_files_of_sounds_that_were_replaced_go_after_some_hours_and_no_other(
    here: Installation, spean: CommandLine, folder: Path
) -> None:
    for level in (1, 2):
        (folder / "ivr.menu.km.wav").write_bytes(a_wav(level=level))
        spean.run("prompts", "import", str(folder))
    assert len(files(here)) == 2
    with here.office.look() as uow:
        needed = uow.prompts.files()
    kept, now = here.application.prompt_files, datetime.now(UTC)
    assert prompting.sweep(kept, needed, now=now) == 0
    assert prompting.sweep(kept, needed, now=now + timedelta(hours=4)) == 1
    assert [path.read_bytes() for path in files(here)] == [a_wav(level=2)]


def test_what_cannot_be_a_prompt_is_named_and_nothing_else_is_lost(spean: CommandLine, folder: Path) -> None:
    bad = {
        "ivr.nothing.km.wav": a_wav(),
        "ivr.menu.th.wav": a_wav(),
        "menu.wav": a_wav(),
        "sms.menu.km.wav": a_wav(),
        "ivr.safe.km.wav": b"<html>",
        "ivr.gate.km.mp3": b"\x00" * 5000,
        "ivr.danger.km.wav": a_wav(61),
        "ivr.thanks.km.wav": a_wav(1),
        "ivr.thanks.km.mp3": an_mp3(1),
        "ivr.message.km.wav": b"",
    }
    good = {
        "ivr.menu.km.wav": a_g711_wav(),
        "ivr.menu.en.mp3": an_mp3(tagged=True),
        "ivr.welcome.km.wav": an_mp3(),
    }
    for name, content in (bad | good).items():
        (folder / name).write_bytes(content)
    (folder / "readme.txt").write_text("ours")
    said = spean.run("prompts", "import", str(folder))
    assert said.status == 1
    lines = dict(line.split(": ", 1) for line in said.out.splitlines() if ": " in line)
    assert {name for name, result in lines.items() if result.startswith("refused")} == set(bad)
    assert {name for name, result in lines.items() if result.startswith("added")} == set(good)
    assert f"{len(good)} taken, {len(bad)} refused" in said.out
    assert one(spean, "ivr.menu")["recorded"] == one(spean, "ivr.menu", "en")["recorded"] == "yes"


def test_a_folder_without_sounds_is_refused_in_words(spean: CommandLine, folder: Path) -> None:
    said = spean.run("prompts", "import", str(folder))
    assert said.status == 1
    assert "no .wav or .mp3" in said.err
    assert spean.run("prompts", "import", str(folder / "absent")).status == 2


def test_a_prompt_whose_words_changed_is_outdated_until_it_is_recorded_anew(
    spean: CommandLine, folder: Path, tmp_path: Path
) -> None:
    record_all(spean, folder)
    locales = tmp_path / "locales"
    shutil.copytree(ROOT / "locales", locales)
    spean.environment["SPEAN_LOCALES_DIR"] = str(locales)
    catalogue = locales / "km" / "LC_MESSAGES" / "spean.po"
    words = one(spean, "ivr.thanks")["words"]
    catalogue.write_text(catalogue.read_text("utf-8").replace(words, f"{words} អរគុណ។"), "utf-8")
    assert one(spean, "ivr.thanks")["recorded"] == "outdated"
    said = spean.run("prompts", "check")
    assert said.status == 1
    assert "ivr.thanks (km): its words have changed" in said.out
    assert "1 prompts to record" in said.out
    spean.run("prompts", "import", str(folder))
    assert one(spean, "ivr.thanks")["recorded"] == "outdated"
    (folder / "ivr.thanks.km.wav").write_bytes(a_wav(3))
    spean.run("prompts", "import", str(folder))
    assert spean.run("prompts", "check").status == 0


def test_a_prompt_that_the_catalogue_lost_is_listed_and_taken_no_more(
    here: Installation, spean: CommandLine, folder: Path, tmp_path: Path
) -> None:
    record_all(spean, folder)
    locales = tmp_path / "locales"
    shutil.copytree(ROOT / "locales", locales)
    spean.environment["SPEAN_LOCALES_DIR"] = str(locales)
    for language in ("km", "en"):
        catalogue = locales / language / "LC_MESSAGES" / "spean.po"
        text = catalogue.read_text("utf-8").replace('msgid "ivr.thanks"', 'msgid "other.thanks"')
        catalogue.write_text(text, "utf-8")
    assert "ivr.thanks" not in keys(spean)
    assert spean.run("prompts", "check").status == 0
    assert "ivr.thanks.km.wav: refused" in spean.run("prompts", "import", str(folder)).out


@pytest.mark.parametrize("broken", [None, b"RIFF", a_wav(2, level=9)])
def test_check_names_a_file_that_is_gone_or_not_what_was_recorded_and_importing_mends_it(
    here: Installation, spean: CommandLine, folder: Path, broken: bytes | None
) -> None:
    record_all(spean, folder)
    file = next(path for path in files(here) if path.name.startswith("ivr.menu.km."))
    if broken is None:
        file.unlink()
        assert here.client.get(f"/prompts/{address(here)}").status_code == 404
    else:
        file.write_bytes(broken)
    said = spean.run("prompts", "check")
    assert said.status == 1
    assert f"ivr.menu (km): its file is {'not there' if broken is None else 'damaged'}" in said.out
    assert "unchanged" in spean.run("prompts", "import", str(folder)).out
    assert spean.run("prompts", "check").status == 0
    assert here.client.get(f"/prompts/{address(here)}").status_code == 200


def test_a_carrier_fetches_a_prompt_without_a_sign_in_and_may_keep_it_for_ever(
    here: Installation, spean: CommandLine, folder: Path
) -> None:
    content = a_wav(2)
    (folder / "ivr.menu.km.wav").write_bytes(content)
    spean.run("prompts", "import", str(folder))
    path = f"/prompts/{address(here)}"
    assert len(address(here)) > 30
    answer = here.client.get(path, headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert answer.content == content
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["content-length"] == str(len(content))
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "content-encoding" not in answer.headers
    head = here.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(content))
    same = here.client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_tone_is_served_as_a_short_wav(here: Installation, method: str) -> None:
    name, content, sound = TONE
    answer = here.client.request(method, f"/prompts/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["content-length"] == str(len(content)) == str(sound.size_bytes)
    assert answer.content == (content if method == "GET" else b"")


@pytest.mark.parametrize("path", ["nothing", "ivr.menu.km.wav", "..%2Fkeys.json", "%00", "a" * 5000])
def test_any_other_address_is_nowhere(
    here: Installation, spean: CommandLine, folder: Path, path: str
) -> None:
    (folder / "ivr.menu.km.wav").write_bytes(a_wav())
    spean.run("prompts", "import", str(folder))
    assert here.client.get(f"/prompts/{path}").status_code == 404
    assert here.client.post(f"/prompts/{address(here)}").status_code == 405
