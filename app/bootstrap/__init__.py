"""The only room that knows every concrete class: settings in, wired application out."""

from app.bootstrap.application import Application
from app.bootstrap.building import build, gateway_secrets
from app.bootstrap.twilio import (
    twilio_caller,
    twilio_reconciler,
    twilio_sender,
    twilio_voice_reconciler,
)

__all__ = [
    "Application", "build", "gateway_secrets", "twilio_caller", "twilio_reconciler", "twilio_sender",
    "twilio_voice_reconciler",
]  # fmt: skip
