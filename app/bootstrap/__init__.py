"""The only room that knows every concrete class: settings in, wired application out."""

from app.bootstrap.application import Application
from app.bootstrap.building import Written, build, gateway_secrets, read_files
from app.bootstrap.twilio import (
    twilio_caller,
    twilio_reconciler,
    twilio_sender,
    twilio_voice_reconciler,
)

__all__ = [
    "Application", "Written", "build", "gateway_secrets", "read_files", "twilio_caller", "twilio_reconciler",
    "twilio_sender", "twilio_voice_reconciler",
]  # fmt: skip
