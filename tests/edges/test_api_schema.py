"""Whatever fits, or does not fit, the OpenAPI document gets an answer that the document knows."""

from collections.abc import Callable
from itertools import cycle
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode, SerializationContext
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.result import Ok

from app.identity.rules import Role, Worker
from tests.makers import Installation
from tests.uploader import BYTES

EXAMPLES = 20
CHECKS: tuple[Callable[..., Any], ...] = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
QUIET = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@schemathesis.serializer(BYTES)
def _bytes_of_an_upload(_context: SerializationContext, value: Any) -> bytes:
    return getattr(value, "data", None) or str(value).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
def test_no_request_is_answered_by_a_fault_or_by_what_is_not_documented(
    here: Installation, mode: GenerationMode
) -> None:
    # Who may most gets every example, and each of the others, or nobody, some of them.
    supervisor = _bearer(here, here.a_worker(Role.SUPERVISOR))
    others = cycle(
        [{}, *(_bearer(here, here.a_worker(role)) for role in Role if role is not Role.SUPERVISOR)]
    )
    known = {"case_id": str(here.a_case())} if mode is GenerationMode.POSITIVE else {}
    answered: list[int] = []
    broken: list[str] = []
    schema = schemathesis.openapi.from_asgi("/openapi.json", here.client.app)
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    for operation in operations:

        @QUIET
        @given(operation.as_strategy(generation_mode=mode))
        def is_answered_as_documented(case: Case[Any]) -> None:
            case.path_parameters.update({key: known[key] for key in case.path_parameters.keys() & known})
            answered.extend(
                case.call_and_validate(headers=headers, checks=_checks(case)).status_code
                for headers in (supervisor, next(others))
            )

        try:
            is_answered_as_documented()
        except* Unsatisfiable:
            # Nothing can be wrong with a request that has no parameter and no body.
            assert mode is GenerationMode.NEGATIVE
        except* Exception as fault:  # noqa: BLE001 - each operation is to be tried, whatever came of another
            broken.append(f"{operation.label}: {fault.exceptions}")
    assert "\n".join(broken) == ""
    assert len(operations) >= 75
    assert len(answered) > 20 * len(operations)


def _bearer(here: Installation, worker: Worker) -> dict[str, str]:
    return {"Authorization": f"Bearer {here.token(worker)}"}


def _checks(case: Case[Any]) -> list[Callable[..., Any]]:
    """`/readyz` says with a 503 that the service is not ready, and in a test no worker runs."""
    says_503 = "503" in case.operation.definition.raw["responses"]
    return [check for check in CHECKS if not (says_503 and check is not_a_server_error)]
