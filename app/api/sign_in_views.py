"""The JSON of second factors, sign-ins and resets that workers are shown."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field


class TotpSecretOut(BaseModel):
    """What a phone's app for one-time codes is given; shown once."""

    secret: str = Field(description="base 32, to type in")
    otpauth_uri: str = Field(description="to show as a square of dots")


class RecoveryCodes(BaseModel):
    """Codes for when the phone is lost, each good once; shown once."""

    items: list[str]


class SignInOut(BaseModel):
    """Somewhere where you are signed in. `seen_at`: when its tokens were made or renewed last."""

    id: UUID
    device_id: str | None
    device_name: str | None
    began_at: datetime
    seen_at: datetime
    current: bool = Field(description="the one that asks")


class SignIns(BaseModel):
    """Where a worker is signed in, the one used last first."""

    items: list[SignInOut]


class ResetCodeOut(BaseModel):
    """A code with which the worker chooses a new password; shown once."""

    code: str
    expires_at: datetime
