"""What the repository as a whole must hold: clean lock files, no trace of a workplace, a careful image."""

import json
import re
import shutil
import subprocess
import tomllib

import pytest

from tests.house.tree import ROOT, files, shown

LOCK_FILES = ("requirements/run.txt", "requirements/dev.txt")
# Written in pieces, so that this file does not hold what it looks for.
HOSTS = (
    "pypi" + ".org",
    "python" + "hosted",
    "registry." + "npmjs",
    "ghcr" + ".io",
    "quay" + ".io",
    "docker" + ".io",
)
# A path that begins at the root of somebody's machine; a URL's or a folder's own "/work/" does not count.
WORKPLACE = re.compile(r"(?<![\w.~*)}-])/(?:work" + r"|root|home|Users|workspace|builds)/\w")
ENVIRONMENT_LINE = re.compile(r"(SPEAN_[A-Z_]+)=")


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _requirements(name: str) -> dict[str, str]:
    """Pins by package, each with the hashes that follow it."""
    entries = re.split(r"^(?=\S)", _text(name), flags=re.MULTILINE)
    return {entry.split("==")[0]: entry for entry in entries if entry.strip()}


@pytest.mark.parametrize("name", LOCK_FILES)
def test_a_lock_file_names_no_host_and_pins_each_package_with_hashes(name: str) -> None:
    pins = _requirements(name)
    assert pins
    assert "://" not in _text(name)
    assert [
        package for package, entry in pins.items() if "--hash=sha256:" not in entry or "==" not in entry
    ] == []


def test_the_tests_run_on_the_very_versions_that_people_run() -> None:
    run, dev = (_requirements(name) for name in LOCK_FILES)
    assert {package: entry for package, entry in run.items() if dev.get(package) != entry} == {}


def test_every_declared_dependency_is_locked() -> None:
    project = tomllib.loads(_text("pyproject.toml"))["project"]
    dev_only = project["optional-dependencies"]["dev"]
    for name, declared in zip(LOCK_FILES, (project["dependencies"], dev_only), strict=True):
        names = {re.split(r"[^\w.-]", line)[0].lower() for line in declared}
        assert sorted(names - _requirements(name).keys()) == []


def test_no_file_tells_where_it_was_written() -> None:
    told: dict[str, list[str]] = {}
    for path in files():
        text = path.read_bytes().decode("utf-8", errors="replace")
        found = [host for host in HOSTS if host in text] + WORKPLACE.findall(text)
        if found:
            told[shown(path)] = found
    assert told == {}


@pytest.mark.parametrize("line", ["see /wor" + "k/main", 'open("/hom' + 'e/dara/x")', "/roo" + "t/x"])
def test_a_path_of_somebodys_machine_is_recognised(line: str) -> None:
    assert WORKPLACE.search(line)


@pytest.mark.parametrize("line", ["https://a.test/work/b", "docs/home/x", "/var/lib/spean", "GET /v1/work/1"])
def test_other_paths_are_left_alone(line: str) -> None:
    assert not WORKPLACE.search(line)


def test_the_image_takes_any_base_is_not_root_and_tells_its_health() -> None:
    lines = [line.strip() for line in _text("Dockerfile").replace("\\\n", " ").splitlines()]
    instructions = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    words = [word for word, _ in instructions]
    assert words[:2] == ["ARG", "FROM"]
    assert [what.split()[0] for word, what in instructions if word == "FROM"] == ["${BASE}", "${BASE}"]
    users = [what.strip() for word, what in instructions if word == "USER"]
    assert users
    assert users[-1].split(":")[0] not in {"root", "0"}
    assert [what for word, what in instructions if word == "VOLUME"] == ["/var/lib/spean"]
    assert words.count("HEALTHCHECK") == 1
    assert json.loads(instructions[-1][1]) == ["spean", "serve"]


def test_the_image_keeps_all_that_changes_in_its_one_volume() -> None:
    written = re.findall(r"SPEAN_(DATABASE_URL|FILES_DIR|KEYS_FILE)=(\S+)", _text("Dockerfile"))
    assert {name for name, _ in written} == {"DATABASE_URL", "FILES_DIR", "KEYS_FILE"}
    assert [value for _, value in written if "/var/lib/spean/" not in value] == []


def test_no_setting_is_in_the_example_twice() -> None:
    names = ENVIRONMENT_LINE.findall(_text(".env.example"))
    assert names
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("script", [".ci/run"])
def test_scripts_are_sound_and_can_be_started(script: str) -> None:
    bash = shutil.which("bash")
    assert bash
    assert (ROOT / script).stat().st_mode & 0o111
    assert subprocess.run([bash, "-n", str(ROOT / script)], check=False).returncode == 0
