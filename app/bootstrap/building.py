"""The application for given settings: configuration, keys and rulebook read, the office opened."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from app.bootstrap.application import Application
from app.bootstrap.twilio import call_maker, text_account
from app.channels.cht import reading as cht
from app.channels.console import carrier as console
from app.channels.twilio import reading as twilio
from app.channels.twilio.door import CARRIER as TWILIO
from app.configuration import Configuration, load_configuration, own_or_shipped
from app.crypto.keyring import KeyFile, KeyRing, load_or_make
from app.crypto.vault import Vault
from app.i18n.catalogue import Catalogues
from app.i18n.wording import UnsafeWords, load_unsafe_words
from app.intake.rules.conversation import MENU
from app.intake.rules.lexicon import Lexicon, load_lexicon
from app.kernel.clock import Clock, SystemClock
from app.kernel.phone import Phone
from app.outbox.rules import Way
from app.settings import Environment, Settings
from app.store.database import Database
from app.usecases.rulebook import Rulebook
from app.usecases.unit_of_work import Office

Checkpoint = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Written:
    """What the files say that an NGO edits. None of it ever changes, so several applications may share it."""

    configuration: Configuration
    lexicon: Lexicon
    catalogues: Catalogues
    unsafe_words: UnsafeWords


def read_files(*, config_dir: Path, locales_dir: Path) -> Written:
    """What stands in these folders.

    Raises: ConfigurationError, CatalogueError, LexiconError, WordListError.
    """
    configuration = load_configuration(config_dir)
    return Written(
        configuration=configuration,
        lexicon=_lexicon(own_or_shipped(config_dir, "lexicon").parent),
        catalogues=Catalogues.load(locales_dir),
        unsafe_words=_unsafe_words(config_dir, configuration),
    )


def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    passed: Checkpoint | None = None,
    written: Written | None = None,
) -> Application:
    """The application for these settings. Their files are read anew unless what they say is given.

    Raises: ConfigurationError, KeyRingError, CatalogueError, LexiconError, WordListError.
    """
    written = written or read_files(config_dir=settings.config_dir, locales_dir=settings.locales_dir)
    configuration = written.configuration
    clock = clock or SystemClock()
    vault = _vault(settings, clock.now())
    secrets = gateway_secrets(settings, configuration, vault)
    rulebook = Rulebook(
        ladders=configuration.ladders,
        lexicon=written.lexicon,
        keywords=configuration.keywords,
        catalogues=written.catalogues,
        unsafe_words=written.unsafe_words,
        floors={code: category.minimum_urgency for code, category in configuration.categories.items()},
        readers={
            TWILIO: twilio.read,
            cht.CARRIER: cht.reader({g.name: g.country for g in configuration.gateways}),
            console.CARRIER: console.read,
        },
        ways=_ways(settings, configuration, secrets),
        own_numbers=_own_numbers(settings, configuration),
        worker_limit=settings.worker_case_limit,
        category_names={code: one.labels for code, one in configuration.categories.items()},
        category_indicators={code: one.indicators for code, one in configuration.categories.items()},
        held_for=timedelta(days=settings.sync_closed_days),
        offline_for=timedelta(days=settings.sync_offline_days),
        menu={str(key): category for key, category in MENU.items()},
        callbacks=settings.callback_rules,
        call_maker=call_maker(settings),
        screens_calls=settings.twilio_screens_calls,
        retention=configuration.retention,
        attachments=settings.attachment_limits,
        small_cell_k=settings.small_cell_k,
        small_cell_insiders=settings.small_cell_insiders,
        published_months=settings.published_months,
        published_after=settings.published_behind,
        consent=configuration.consent,
        child_signs=configuration.child_signs,
        surroundings=configuration.surroundings,
    )
    if passed:
        rulebook = replace(rulebook, passed=passed)
    office = Office(Database(settings.database_url), vault, rulebook)
    return Application(settings, configuration, office, clock, secrets)


@cache
def _lexicon(folder: Path) -> Lexicon:
    """The words of triage; compiling them takes a while, so a process does it once."""
    return load_lexicon(folder)


def _unsafe_words(folder: Path, configuration: Configuration) -> UnsafeWords:
    """What no text to a person may say, the names of those who take part included."""
    words = load_unsafe_words(own_or_shipped(folder, "unsafe_words.yaml"))
    return words.with_names(name for one in configuration.organisations for name in one.names.values())


def gateway_secrets(settings: Settings, configuration: Configuration, vault: Vault) -> dict[str, str]:
    """The password of each gateway that has one: from the environment, in the demo else made up."""
    found = {}
    for gateway in configuration.gateways:
        secret = settings.gateway_secret(gateway.name)
        if not secret and settings.environment is Environment.DEMO:
            secret = vault.derived_secret(f"gateway:{gateway.name}")
        if secret:
            found[gateway.name] = secret
    return found


def _vault(settings: Settings, now: datetime) -> Vault:
    """The vault over the key file, which is made on first use in the demo, never in production."""
    file = KeyFile(settings.keys_file)
    if settings.environment is Environment.DEMO:
        ring = load_or_make(settings.keys_file, made_for=Environment.DEMO, now=now)
    else:
        ring = KeyRing.load(settings.keys_file)
    return Vault(ring, file.newer)


def _ways(settings: Settings, configuration: Configuration, secrets: Mapping[str, str]) -> tuple[Way, ...]:
    """The ways out in order of preference: phones with a local SIM, then Twilio, then the demo's console."""
    phones = [Way(g.protocol, g.name, g.country) for g in configuration.gateways if g.name in secrets]
    numbers = settings.listed("twilio_sms_numbers") if text_account(settings) else ()
    ways = [*phones, *(Way(TWILIO, number) for number in numbers)]
    if settings.environment is Environment.DEMO:
        ways.append(Way(console.CARRIER, console.CARRIER))
    return tuple(ways)


def _own_numbers(settings: Settings, configuration: Configuration) -> frozenset[Phone]:
    names = ("twilio_sms_numbers", "twilio_voice_numbers", "missed_call_numbers")
    listed = [Phone.parse(number) for name in names for number in settings.listed(name)]
    return frozenset({*listed, *(gateway.number for gateway in configuration.gateways)})
