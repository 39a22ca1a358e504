"""What speaks with Twilio, made from the settings where they name an account and a number."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from app.calls.rules.sounds import MOST_BYTES
from app.channels.twilio.caller import TwilioCaller
from app.channels.twilio.door import CARRIER as TWILIO
from app.channels.twilio.reconciler import Reconciler
from app.channels.twilio.recordings import TwilioRecordings
from app.channels.twilio.rest import Account
from app.channels.twilio.sender import TwilioSender
from app.channels.twilio.voice_reconciler import VoiceReconciler
from app.kernel.phone import Phone
from app.settings import Settings
from app.usecases.rulebook import Maker
from app.usecases.unit_of_work import Office

_DESK_SECONDS: Final = 4.0


def twilio_sender(settings: Settings) -> TwilioSender | None:
    """The way out to Twilio, where an account with a number is configured."""
    account = text_account(settings)
    status_url = settings.public_base_url.rstrip("/") + "/twilio/sms/status"
    return TwilioSender(account, status_url=status_url) if account else None


def twilio_caller(settings: Settings) -> TwilioCaller | None:
    """What makes calls for us, where an account with a number for calls is configured."""
    account = voice_account(settings)
    return TwilioCaller(account, base_url=settings.public_base_url) if account else None


def twilio_reconciler(settings: Settings, office: Office) -> Reconciler | None:
    """What looks for texts that Twilio never brought, where an account with a number is configured."""
    account = text_account(settings)
    return Reconciler(office, account, settings.listed("twilio_sms_numbers")) if account else None


def twilio_voice_reconciler(settings: Settings, office: Office) -> VoiceReconciler | None:
    """What looks for calls and recordings that Twilio never told of, where there is a number for calls."""
    account = voice_account(settings)
    listed = (*settings.listed("twilio_voice_numbers"), *settings.listed("missed_call_numbers"))
    numbers = frozenset(Phone.parse(number).e164 for number in listed)
    return VoiceReconciler(office, account, numbers) if account else None


def desk_recordings(account: Account) -> TwilioRecordings:
    """What fetches while a worker waits on the line: a carrier that does not hear from us cuts them off."""
    hasty = replace(account, timeout_seconds=min(account.timeout_seconds, _DESK_SECONDS))
    return TwilioRecordings(hasty, limit_bytes=MOST_BYTES, within=timedelta(seconds=_DESK_SECONDS))


def text_account(settings: Settings) -> Account | None:
    """The account for texts, which need a number to leave from."""
    return account_of(settings) if settings.listed("twilio_sms_numbers") else None


def voice_account(settings: Settings) -> Account | None:
    """The account for calls, which need a number to show."""
    numbers = settings.listed("twilio_voice_numbers") or settings.listed("missed_call_numbers")
    return account_of(settings) if numbers else None


def account_of(settings: Settings) -> Account | None:
    """The account with the carrier, where its name and a token are given."""
    tokens = settings.listed("twilio_auth_tokens")
    if not (settings.twilio_account_sid and tokens):
        return None
    return Account(
        settings.twilio_account_sid, tokens[0], settings.twilio_api_base_url, settings.twilio_timeout_seconds
    )


def call_maker(settings: Settings) -> Maker | None:
    """Who makes calls for us, as the use cases know it."""
    if voice_account(settings) is None:
        return None
    answered = [Phone.parse(number).e164 for number in settings.listed("twilio_voice_numbers")]
    return Maker(TWILIO, settings.twilio_account_sid, next(iter(answered), None))
