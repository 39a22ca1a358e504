"""Showing what came of a simulated text or call: the case, where it went, and why."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from app.i18n.catalogue import Catalogues
from app.kernel.clock import utc_text
from app.kernel.language import Language
from app.usecases.answers import Told


def case_as_json(told: Told) -> dict[str, Any] | None:
    """The case as programs read it; None where there is none."""
    case, timer = told.case, told.next_timer
    if case is None:
        return None
    return {
        "id": case.id, "code": case.code, "status": case.status, "urgency": case.urgency,
        "categories": list(case.categories), "urgency_reasons": list(case.reasons),
        "language": case.language, "destination_country": case.destination_country,
        "member_count": case.member_count, "organisation_id": case.organisation_id,
        "organisation": told.organisation, "owner_id": case.owner_id, "owner": told.owner,
        "queue": case.queue, "because": list(told.because),
        "next_timer": {
            "kind": timer.plan.kind, "rung": timer.plan.rung, "to": timer.plan.to,
            "due_at": utc_text(timer.plan.due_at),
        } if timer else None,
    }  # fmt: skip


def show_case(console: Console, told: Told, catalogues: Catalogues) -> None:
    """The case as people read it."""
    case = told.case
    if case is None:
        return
    lines = [
        f"Case       {case.code}   {case.urgency.value}   {case.status.value}",
        f"About      {', '.join(case.categories)}",
        f"Where      {case.destination_country or 'not known'}",
        f"With       {told.owner or 'nobody yet: ' + str(case.queue) + ' queue'}"
        + (f" of {told.organisation}" if told.organisation else ""),
    ]
    lines += [f"Why urgent {_reason(reason)}" for reason in case.reasons]
    lines += [f"Why here   {_because(catalogues, reason)}" for reason in told.because]
    if told.next_timer:
        plan = told.next_timer.plan
        lines.append(
            f"Next timer {plan.kind.value}, rung {plan.rung}: {plan.to} is told at {utc_text(plan.due_at)}"
        )
    console.print(Panel(Text("\n".join(lines)), title="The case", expand=False))


def _reason(reason: Any) -> str:  # noqa: ANN401 - a JSON object
    words = f": {reason['text']}" if reason.get("text") else ""
    return f"{reason['rule']}{words}"


def _because(catalogues: Catalogues, reason: Mapping[str, Any]) -> str:
    """The sentence of a routing rule, with its values."""
    return catalogues.fill(f"because.{reason['rule']}", Language.EN, reason)
