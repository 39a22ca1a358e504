"""The voice door: how long a caller waits for the first document, alone and while many people text."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from benchmarks.engines import Engine, Run, settings_for
from benchmarks.report import Result, median, percentile
from benchmarks.servers import Server, serving
from benchmarks.texts import call_form, signed_requests

TEXTING = 32
_VOICE, _TEXT = "/twilio/voice", "/twilio/sms"


def run(given: Run) -> list[Result]:
    """Waits of callers beside 32 clients that text, and calls begun by two API processes."""
    return [_waits(given), _begun(given)]


def _waits(given: Run) -> Result:
    rounds, calls, texts = given.size(5, 9), 200, given.size(4_000, 8_000)
    rows = []
    for engine in given.engines:
        inside = engine.cluster is None
        settings = settings_for(given.folder, engine.new_database(), embed_worker=inside)
        name = engine.name + (", worker inside" if inside else "")
        with serving(name, settings) as server:
            _call(server, 50)
            server.load(signed_requests(_TEXT, 300), clients=TEXTING)
            found = [_round(server, calls, texts) for _ in range(rounds)]
        rows.append(_row(name, found))
    notes = [
        f"{rounds} rounds of {calls} calls, one at a time; busy: while {TEXTING} clients text",
        "times: the median of each round's p99 beside the same round's idle p99",
    ]
    return Result("Voice door: the first document of a call", rows, notes)


def _round(server: Server, calls: int, texts: int) -> dict[str, list[float]]:
    idle = _call(server, calls)
    with ThreadPoolExecutor(1) as beside:
        texting = beside.submit(server.load, signed_requests(_TEXT, texts), clients=TEXTING)
        busy: list[float] = []
        while not texting.done():
            # The first and the last calls of a batch may fall outside the load: many short batches.
            busy.extend(_call(server, 40))
        texting.result()
    return {"idle": idle, "busy": busy}


def _call(server: Server, count: int) -> list[float]:
    found = server.load(signed_requests(_VOICE, count, call_form), clients=1)
    assert set(found["statuses"]) == {"200"}, found["statuses"]
    waits: list[float] = found["waits"]
    return waits


def _row(name: str, found: list[dict[str, list[float]]]) -> dict[str, Any]:
    every = {key: [wait for one in found for wait in one[key]] for key in ("idle", "busy")}
    return {
        "server": name,
        "idle p50 ms": percentile(every["idle"], 0.5) * 1e3,
        "idle p99 ms": percentile(every["idle"], 0.99) * 1e3,
        "busy p50 ms": percentile(every["busy"], 0.5) * 1e3,
        "busy p99 ms": percentile(every["busy"], 0.99) * 1e3,
        "times": median(percentile(one["busy"], 0.99) / percentile(one["idle"], 0.99) for one in found),
    }


def _begun(given: Run) -> Result:
    rounds, calls = given.size(3, 5), given.size(600, 1_500)
    rows = []
    for engine in given.engines:
        for processes in (1, 2) if engine.cluster else (1,):
            found = _rates(given, engine, processes, rounds=rounds, calls=calls)
            name = f"{engine.name}, {processes} API process{'es' if processes > 1 else ''}"
            rows.append({"servers": name, "calls/s": median(found)})
    return Result("Voice door: calls begun", rows, [f"{rounds} rounds of {calls:,} calls from 16 clients"])


def _rates(given: Run, engine: Engine, processes: int, *, rounds: int, calls: int) -> list[float]:
    settings = settings_for(given.folder, engine.new_database(), embed_worker=False)
    with ExitStack() as open_until_end:
        servers = [open_until_end.enter_context(serving(f"API {n}", settings)) for n in range(processes)]
        for server in servers:
            _call(server, 50)
        return [_rate(servers, calls) for _ in range(rounds)]


def _rate(servers: list[Server], calls: int) -> float:
    share, clients = calls // len(servers), 16 // len(servers)
    batches = [signed_requests(_VOICE, share, call_form) for _ in servers]
    with ThreadPoolExecutor(len(servers)) as beside:
        loads = [
            beside.submit(server.load, batch, clients=clients)
            for server, batch in zip(servers, batches, strict=True)
        ]
        found = [load.result() for load in loads]
    assert all(set(one["statuses"]) == {"200"} for one in found), [one["statuses"] for one in found]
    seconds: float = max(one["seconds"] for one in found)
    return share * len(servers) / seconds
