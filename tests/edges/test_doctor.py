"""`spean doctor` names each thing that is wrong with a set-up, and changes nothing."""

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from app.crypto.keyring import change
from app.identity.rules import Role
from app.store.heartbeats import BACKED_UP
from app.store.migrations import downgrade
from app.workers.loops import heartbeat_name
from tests.command_line import CommandLine, doctors
from tests.makers import ROOT, Installation


def beat(here: Installation, age: timedelta = timedelta(0)) -> None:
    """The worker's loops were seen."""
    # The doctor's clock is the machine's.
    now = datetime.now(UTC) - age
    with here.office.work(now) as uow:
        for loop in here.application.worker().loops:
            uow.heartbeats.beat(heartbeat_name(loop.name), now)


def test_the_doctor_is_content_with_a_demo_that_runs(here: Installation, spean: CommandLine) -> None:
    here.a_worker()
    beat(here)
    assert doctors(spean) == {}
    said = spean.run("doctor")
    assert said.status == 0
    assert "WRONG" not in said.out


def test_the_doctor_names_what_does_not_run(here: Installation, spean: CommandLine) -> None:
    here.a_case()  # years ago, by the machine's clock or in the future: its timers decide
    found = doctors(spean)
    assert "worker:reception" in found["worker"]
    assert found["caseworkers"] == "nobody is on duty"
    beat(here, timedelta(minutes=5))
    assert "worker:timers" in doctors(spean)["worker"]


def test_the_doctor_names_late_timers(here: Installation, spean: CommandLine) -> None:
    here.clock.set(here.clock.now().replace(year=2020))
    here.a_case()
    assert "late" in doctors(spean)["timers"]


def test_the_doctor_names_keys_that_others_may_read(here: Installation, spean: CommandLine) -> None:
    here.application.settings.keys_file.chmod(0o644)
    assert "chmod 600" in doctors(spean)["keys"]


def test_the_doctor_warns_of_passwords_alone_and_of_a_proxy_without_a_name(production: CommandLine) -> None:
    def warned() -> dict[str, str]:
        checks = production.run("doctor", "--json").json["checks"]
        return {one["name"]: one["finding"] for one in checks if one["warning"]}

    assert "admin, coordinator, supervisor" in warned()["one-time codes"]
    assert "SPEAN_TRUSTED_PROXIES" in warned()["proxies"]
    production.environment["SPEAN_REQUIRE_TOTP_ROLES"] = "supervisor,coordinator,admin"
    production.environment["SPEAN_TRUSTED_PROXIES"] = "10.0.0.0/8, ::1"
    assert not {"one-time codes", "proxies"} & warned().keys()


@pytest.mark.parametrize(
    ("name", "value"), [("TRUSTED_PROXIES", "10.0.0.1, proxy"), ("REQUIRE_TOTP_ROLES", "chief")]
)
def test_the_doctor_names_a_proxy_or_role_that_is_none(spean: CommandLine, name: str, value: str) -> None:
    spean.environment[f"SPEAN_{name}"] = value
    assert f"SPEAN_{name}" in doctors(spean)["settings"]


def test_the_doctor_names_a_missing_key_file_in_production(production: CommandLine) -> None:
    production.environment["SPEAN_KEYS_FILE"] = "nowhere.json"
    found = doctors(production)
    assert "there is no key file at nowhere.json" in found["keys"]
    assert "spean keys create" in found["keys"]


def test_the_doctor_names_a_database_that_is_not_migrated_or_not_there(
    here: Installation, spean: CommandLine, tmp_path: Path
) -> None:
    downgrade(here.office.database, "base")
    assert "spean migrate" in doctors(spean)["tables"]
    absent = tmp_path / "absent.db"
    spean.environment["SPEAN_DATABASE_URL"] = f"sqlite:///{absent}"
    assert "spean migrate" in doctors(spean)["database"]
    assert not absent.exists()


def test_the_doctor_names_file_line_and_field_of_a_mistake_in_the_configuration(
    spean: CommandLine, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    shutil.copytree(ROOT / "config", config)
    file = config / "organisations.yaml"
    file.write_text(file.read_text("utf-8").replace("capacity: ", "capacity: many", 1), "utf-8")
    spean.environment["SPEAN_CONFIG_DIR"] = str(config)
    finding = doctors(spean)["configuration"]
    assert re.search(r"organisations\.yaml, line \d+, organisations\[1\]\.capacity", finding)
    serve = spean.run("serve")
    assert serve.status == 1
    assert finding in serve.err


def test_the_doctor_names_catalogues_that_disagree(spean: CommandLine, tmp_path: Path) -> None:
    locales = tmp_path / "locales"
    shutil.copytree(ROOT / "locales", locales)
    file = locales / "km" / "LC_MESSAGES" / "spean.po"
    whole = file.read_text("utf-8")
    file.write_text(whole.replace('msgstr "', 'msgstr "{kode} ', 2), "utf-8")
    spean.environment["SPEAN_LOCALES_DIR"] = str(locales)
    assert doctors(spean)["catalogues"]


def test_the_doctor_names_a_slip_in_the_name_of_a_setting(spean: CommandLine) -> None:
    spean.environment["SPEAN_DATBASE_URL"] = "sqlite:///x"
    assert "SPEAN_DATBASE_URL" in doctors(spean)["settings"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"), ("PORT", "x"), ("ENVIRONMENT", "test"), ("PUBLIC_BASE_URL", "hotline.example"),
        ("TWILIO_SMS_NUMBERS", "+12025550123, 012"), ("MISSED_CALL_NUMBERS", "x"), ("CALLBACK_AFTER", "soon"),
        ("CALLBACK_EVERY", "1bd"), ("CALLBACK_PER_DAY", "-1"), ("CALLBACK_COUNTRIES", "KH,XX"),
        ("CALLBACK_RETRIES", "15m,never"), ("DATABASE_URL", "mysql://u:geheim@h/d"), ("TOKEN_MINUTES", "0"),
    ],
)  # fmt: skip
def test_the_doctor_names_a_setting_that_cannot_be_and_repeats_no_value(
    spean: CommandLine, name: str, value: str
) -> None:
    spean.environment[f"SPEAN_{name}"] = value
    found = doctors(spean)
    assert found["settings"].startswith(f"SPEAN_{name}: ")
    assert "geheim" not in found["settings"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_the_doctor_names_a_folder_for_files_that_others_own(spean: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir(mode=0o500)
    spean.environment["SPEAN_FILES_DIR"] = str(folder)
    assert "cannot be written to" in doctors(spean)["files_dir"]


def test_the_doctor_names_a_folder_for_files_that_is_none(spean: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in ("file", "file/deeper"):
        spean.environment["SPEAN_FILES_DIR"] = str(tmp_path / place)
        assert "cannot be written to" in doctors(spean)["files_dir"]


def test_the_doctor_changes_nothing(spean: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    spean.environment |= {
        "SPEAN_DATABASE_URL": f"sqlite:///{folder / 'spean.db'}",
        "SPEAN_KEYS_FILE": str(folder / "keys.json"),
        "SPEAN_FILES_DIR": str(folder / "files"),
    }  # fmt: skip
    doctors(spean)
    assert not folder.exists()


def test_the_doctor_names_an_audit_chain_whose_end_was_touched(
    here: Installation, spean: CommandLine
) -> None:
    here.a_worker()
    here.a_case()
    beat(here)
    with here.office.database.write() as connection:
        connection.execute(text("UPDATE audit_head SET number = number - 1"))
    assert "spean audit verify" in doctors(spean)["audit"]


def test_an_admin_alone_is_nobody_on_duty(
    here: Installation, spean: CommandLine, install: Callable[..., Installation]
) -> None:
    here.a_worker(Role.ADMIN)
    assert doctors(spean)["caseworkers"] == "nobody is on duty"


def warned(spean: CommandLine) -> dict[str, str]:
    said = spean.run("doctor", "--json").json
    return {check["name"]: check["finding"] for check in said["checks"] if check["warning"]}


def test_the_doctor_warns_of_an_old_key_and_of_a_backup_that_nobody_made(
    here: Installation, spean: CommandLine
) -> None:
    here.a_worker()
    beat(here)
    now = datetime.now(UTC)
    keys = here.application.settings.keys_file
    change(keys, lambda ring: replace(ring, current_since=now - timedelta(days=400)))
    assert warned(spean).keys() == {"key age", "backup", "prompts"}
    assert "none was ever made" in warned(spean)["backup"]
    said = spean.run("doctor")
    assert said.status == 0
    assert "look   backup" in said.out
    change(keys, lambda ring: ring.with_new_key(now))
    with here.office.work(now) as uow:
        uow.heartbeats.beat(BACKED_UP, now - timedelta(days=7))
    assert warned(spean).keys() == {"prompts"}
    with here.office.work(now) as uow:
        uow.heartbeats.beat(BACKED_UP, now - timedelta(days=9))
    assert "the last one was made at" in warned(spean)["backup"]
