"""`spean doctor`: each thing that is wrong with a set-up, by name."""

import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated, Final

import orjson
import typer
from pydantic import ValidationError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from app.bootstrap import Application, twilio_sender
from app.cli.opening import REFUSED, keys_fit, opened, settings_faults
from app.configuration import Configuration, ConfigurationError, load_configuration, own_or_shipped
from app.crypto.keyring import KeyRing, KeyRingError
from app.crypto.vault import Vault
from app.i18n.catalogue import CatalogueError, Catalogues
from app.i18n.wording import WordListError, load_unsafe_words
from app.identity.rules import Role
from app.identity.store import IdentityStore
from app.intake.rules.lexicon import LexiconError, load_lexicon
from app.settings import Environment, Settings
from app.store.database import Database
from app.store.migrations import is_at_head
from app.usecases import prompting
from app.usecases.health import (
    Check,
    keeping_checks,
    ledger_checks,
    outbox_checks,
    readiness,
    recording_checks,
)

# Found by the doctor, but no reason to keep the hotline from starting.
_TOLERATED: Final = frozenset({"settings"})
_SEE_MUCH: Final = frozenset({Role.SUPERVISOR, Role.COORDINATOR, Role.ADMIN})


def doctor(*, as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Look the set-up over and name each thing that is wrong with it. Changes nothing."""
    checks = list(_looked_over())
    if as_json:
        found = [
            {"name": check.name, "ok": check.ok, "warning": check.warns, "finding": check.finding}
            for check in checks
        ]
        typer.echo(orjson.dumps({"ok": all(check.ok for check in checks), "checks": found}))
    else:
        for check in checks:
            typer.echo(f"{_verdict(check)}  {check.name}: {check.finding}")
    if not all(check.ok for check in checks):
        raise typer.Exit(REFUSED)


def _verdict(check: Check) -> str:
    if not check.ok:
        return "WRONG"
    return "look " if check.warns else "ok   "


def set_up_faults(settings: Settings) -> list[str]:
    """Why this set-up must not run in production, every reason at once; empty in the demo."""
    if settings.environment is not Environment.PRODUCTION:
        return []
    checks = [*_set_up(settings), *_demo_sign_ins(settings)]
    return [f"{c.name}: {c.finding}" for c in checks if not c.ok and c.name not in _TOLERATED]


def data_faults(settings: Settings) -> list[str]:
    """Why it must not run in production on this database, whose tables are the newest."""
    return [f"{check.name}: {check.finding}" for check in _demo_sign_ins(settings) if not check.ok]


def _looked_over() -> Iterator[Check]:
    try:
        settings = Settings()
    except ValidationError as problem:
        yield from (Check("settings", ok=False, finding=fault) for fault in settings_faults(problem))
        return
    checks = list(_set_up(settings))
    yield from checks
    if not _database_exists(settings):
        yield Check("database", ok=False, finding="there is none yet: run `spean migrate`")
        return
    if not settings.keys_file.is_file() or not all(c.ok for c in checks if c.name in _FILES):
        yield Check("database", ok=False, finding="not looked at: first put right what is above")
        return
    with opened(settings) as application:
        yield from _data(application)


def _set_up(settings: Settings) -> Iterator[Check]:
    """What can be said without a database."""
    production = settings.environment is Environment.PRODUCTION
    unknown = ", ".join(settings.unknown_names)
    yield Check("settings", not unknown, f"no setting is called {unknown}" if unknown else "all names known")
    configuration = None
    try:
        configuration = load_configuration(settings.config_dir)
        yield Check("configuration", ok=True, finding=f"{settings.config_dir} can be used")
    except ConfigurationError as problem:
        yield from (Check("configuration", ok=False, finding=fault) for fault in problem.problems)
    yield from _words(settings)
    yield _keys(settings, production=production)
    secure = settings.public_base_url.startswith("https://")
    kept = "https; browsers that were here are told to come no other way"
    yield Check("public_base_url", secure or not production, kept if secure else "not https")
    if production:
        yield from _signing_in(settings)
    yield from _carriers(settings, configuration)
    yield _files_dir(settings.files_dir)


def _words(settings: Settings) -> Iterator[Check]:
    try:
        load_lexicon(own_or_shipped(settings.config_dir, "lexicon").parent)
        yield Check("lexicon", ok=True, finding="can be used")
    except (LexiconError, OSError) as problem:
        yield Check("lexicon", ok=False, finding=str(problem))
    try:
        Catalogues.load(settings.locales_dir)
        yield Check("catalogues", ok=True, finding="complete in both languages")
    except (CatalogueError, OSError) as problem:
        yield Check("catalogues", ok=False, finding=str(problem))
    try:
        load_unsafe_words(own_or_shipped(settings.config_dir, "unsafe_words.yaml"))
        yield Check("unsafe_words", ok=True, finding="can be used")
    except WordListError as problem:
        yield Check("unsafe_words", ok=False, finding=str(problem))


def _keys(settings: Settings, *, production: bool) -> Check:
    path = settings.keys_file
    try:
        if not production and not path.exists():
            return Check("keys", ok=True, finding=f"none at {path} yet: the first start makes them")
        ring = KeyRing.load(path)
        mode = stat.S_IMODE(path.stat().st_mode)
    except KeyRingError as problem:
        advice = "" if path.exists() else "; make one with `spean keys create`"
        return Check("keys", ok=False, finding=f"{problem}{advice}")
    except OSError as problem:
        return Check("keys", ok=False, finding=f"{path}: {problem.strerror}")
    if production and ring.made_for != Environment.PRODUCTION:
        return Check("keys", ok=False, finding="these are demo keys: make others with `spean keys create`")
    if mode & 0o077:
        return Check("keys", ok=False, finding=f"others may read {path}: chmod 600 it")
    return Check("keys", ok=True, finding="only their owner can read them")


def _signing_in(settings: Settings) -> Iterator[Check]:
    """Whether whoever sees much needs more than a password, and strangers can be told from workers."""
    lacking = ", ".join(sorted(role.value for role in _SEE_MUCH - settings.require_totp_roles))
    asked = f"not asked of {lacking}: see SPEAN_REQUIRE_TOTP_ROLES" if lacking else "asked of who sees much"
    yield Check("one-time codes", ok=True, finding=asked, warns=bool(lacking))
    anybody = [str(network) for network in settings.trusted_proxies if not network.prefixlen]
    if anybody:
        believed = f"{', '.join(anybody)} is everybody: anyone could sign in as from anywhere"
        yield Check("proxies", ok=False, finding=f"{believed}, see SPEAN_TRUSTED_PROXIES")
        return
    unnamed = not settings.trusted_proxies
    proxy = "none named: all sign-ins seem to come from one address, see SPEAN_TRUSTED_PROXIES"
    yield Check("proxies", ok=True, finding=proxy if unnamed else "named", warns=unnamed)


def _carriers(settings: Settings, configuration: Configuration | None) -> Iterator[Check]:
    listed = configuration.gateways if configuration else ()
    made_up = settings.environment is Environment.DEMO  # the demo makes the secrets itself
    phones = sorted(g.name for g in listed if made_up or settings.gateway_secret(g.name))
    twilio = twilio_sender(settings)
    carriers = [*phones, *(["twilio"] if twilio else [])]
    none = "no carrier is configured: neither a gateway secret nor Twilio"
    if configuration or carriers:
        yield Check("carriers", bool(carriers), ", ".join(carriers) or none)
    if settings.twilio_account_sid and not twilio:
        yield Check("twilio", ok=False, finding="an account without auth tokens, or without SMS numbers")
    names = {g.name.upper().replace("-", "_") for g in listed}
    strangers = ", ".join(sorted(settings.gateway_secrets.keys() - names))
    if configuration and strangers:
        yield Check(
            "gateways", ok=False, finding=f"secrets for gateways that are not configured: {strangers}"
        )


def _files_dir(folder: Path) -> Check:
    """Tried by writing: what the mode bits promise, a mounted volume may refuse."""
    near = next((place for place in (folder, *folder.absolute().parents) if place.exists()), folder)
    try:
        with TemporaryFile(dir=near):
            pass
    except OSError as problem:
        return Check("files_dir", ok=False, finding=f"{folder} cannot be written to ({problem.strerror})")
    return Check("files_dir", ok=True, finding="can be written to")


def _data(application: Application) -> Iterator[Check]:
    yield from readiness(application.office, now=application.clock.now())
    if not is_at_head(application.office.database):
        return
    yield _fitting_keys(application)
    yield from _demo_sign_ins(application.settings)
    with application.office.look() as uow:
        on_duty = sum(uow.identity.count_on_duty().values())
        whole = uow.audit.end_holds()
    touched = "somebody touched its end: run `spean audit verify`"
    yield Check("audit", whole, "ends where it was left" if whole else touched)
    yield Check("caseworkers", on_duty > 0, f"{on_duty} on duty" if on_duty else "nobody is on duty")
    now = application.clock.now()
    yield from outbox_checks(application.office, now=now)
    yield from recording_checks(application.office, now=now)
    yield from ledger_checks(application.office, application.ledger)
    yield from keeping_checks(application.office, KeyRing.load(application.settings.keys_file), now=now)
    yield _prompts(application)


def _prompts(application: Application) -> Check:
    """Which Khmer prompts callers would hear in English after a tone, or out of date."""
    with application.office.look() as uow:
        listed = prompting.stock(uow, prompting.NEEDED)
    by_problem: dict[str, list[str]] = {}
    for fault in prompting.faults(listed, application.prompt_files):
        by_problem.setdefault(fault.problem.replace("_", " "), []).append(fault.key)
    if not by_problem:
        return Check("prompts", ok=True, finding="every Khmer prompt is recorded")
    told = "; ".join(f"{problem}: {', '.join(keys)}" for problem, keys in by_problem.items())
    advice = "record them: `spean prompts list`, then `desk` or `import`; `spean prompts check` when done"
    return Check("prompts", ok=True, finding=f"Khmer prompts {told}; {advice}", warns=True)


def _fitting_keys(application: Application) -> Check:
    fits = keys_fit(application)
    wrong = f"the database was not written with the keys in {application.settings.keys_file}"
    return Check("keys and database", fits, "belong together" if fits else wrong)


def _demo_sign_ins(settings: Settings) -> Iterator[Check]:
    """Whether passwords that the demo printed are good in production. To see that, no key is needed."""
    if settings.environment is not Environment.PRODUCTION or not _database_exists(settings):
        return
    database = Database(settings.database_url)
    try:
        if is_at_head(database):
            with database.read() as connection:
                demo = IdentityStore(connection, Vault(KeyRing.fresh(made_for="nothing"))).any_demo_worker()
            yield Check("demo sign-ins", not demo, "demo workers could sign in" if demo else "none")
    except SQLAlchemyError:
        pass  # That it does not answer is told elsewhere.
    finally:
        database.close()


def _database_exists(settings: Settings) -> bool:
    """False where looking into the database would first make it."""
    url = make_url(settings.database_url)
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()


_FILES: Final = frozenset({"configuration", "lexicon", "catalogues", "unsafe_words", "keys"})
