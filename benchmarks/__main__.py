"""`python -m benchmarks [--full] [--json FILE] [NAME …]`: what Spean can bear on this machine."""

import argparse
import importlib
import json
import logging
import platform
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from rich.console import Console

from benchmarks.engines import Engine, Run
from tests.cluster import HOW_TO_GET_ONE, start_cluster

# In the order in which they run, with the module of each.
_ALL = {
    "inbox": "inbox",
    "door": "door",
    "voice": "voice",
    "reception": "reception",
    "timers": "timers",
    "list": "listing",
    "sync": "sync",
    "csv": "exporting",
    "fold": "folding",
    "statistics": "statistics",
    "recordings": "recordings",
}


def main() -> None:
    """Run the benchmarks that were named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(_ALL))
    parser.add_argument("--full", action="store_true", help="the largest sizes: half an hour for all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well")
    asked = parser.parse_args()
    names = asked.names or list(_ALL)
    if unknown := set(names) - _ALL.keys():
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    # What fails shows in the figures; thousands of log lines would hide it.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    # Whoever stops the run must not leave its servers behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(width=None if sys.stdout.isatty() else 120)
    found = _run(names, full=asked.full, console=console)
    if asked.json:
        asked.json.write_text(json.dumps(found, ensure_ascii=False, indent=1), "utf-8")


def _run(names: list[str], *, full: bool, console: Console) -> dict[str, Any]:
    cluster = start_cluster(durable=True)
    if cluster is None:
        console.print(HOW_TO_GET_ONE)
    results: dict[str, Any] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="spean-bench-") as kept:
            folder = Path(kept)
            engines = [Engine("SQLite", folder, None)]
            if cluster:
                engines.append(Engine(f"PostgreSQL {cluster.version.split('.')[0]}", folder, cluster))
            for name in names:
                began = time.monotonic()
                module = importlib.import_module(f"benchmarks.{_ALL[name]}")
                tables = module.run(Run(tuple(engines), folder, full))
                for table in tables:
                    table.show(console)
                results[name] = {
                    "seconds": round(time.monotonic() - began, 1),
                    "tables": [table.plain() for table in tables],
                }
    finally:
        if cluster:
            cluster.stop()
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "full": full,
        "results": results,
    }


if __name__ == "__main__":
    main()
