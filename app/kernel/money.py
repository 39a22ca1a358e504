"""Money: whole minor units of one currency, never a float."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in the smallest unit of its currency (ISO 4217): 100 satang are a baht, a won is a won."""

    amount_minor: int
    currency: str
