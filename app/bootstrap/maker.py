"""The process that makes one export: `python -m app.bootstrap.maker LINE`, started by the worker."""

import sys
from multiprocessing.connection import Connection

from app.bootstrap.building import build
from app.settings import Settings
from app.usecases.unit_of_work import Office
from app.workers.apart import serve_one


def _office(settings: Settings) -> Office:
    return build(settings).office


if __name__ == "__main__":
    serve_one(Connection(int(sys.argv[1])), _office)
