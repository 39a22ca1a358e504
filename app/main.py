"""The ASGI application: every door on one server, and the worker inside where it belongs there."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp

from app.api import (
    attachments,
    blobs,
    calling,
    case_work,
    cases,
    conflicts,
    consents,
    credentials,
    devices,
    duress,
    erasing,
    exports,
    guards,
    hints,
    intake,
    operations,
    people,
    phones,
    recordings,
    referrals,
    rxdb,
    sign_in,
    statistics,
    surroundings,
    sync,
)
from app.api.compression import Unpacked
from app.api.document import describe
from app.api.doors import Services
from app.api.headers import put_headers_on
from app.api.hints import Hints
from app.api.limits import BodyLimit
from app.api.problems import Problems
from app.api.tus import PATH, SpeaksTus
from app.bootstrap import Application, build
from app.channels.straight import StraightToDoors
from app.settings import Settings

_ROOMS: Final = (
    operations, sign_in, credentials, devices, cases, case_work, calling, phones, intake, people, recordings,
    attachments, blobs, exports, statistics, sync, hints, rxdb, conflicts, consents, referrals, guards,
    erasing, surroundings,
)  # fmt: skip
_SMALLEST_TO_COMPRESS_BYTES: Final = 600


def create_app(application: Application | None = None) -> FastAPI:
    """The ASGI application, wired from the settings of the environment unless one is given."""
    wired = application or build(Settings())
    doors = _carrier_doors(wired)
    # Taken over as they were made at import: a router that is included has all of its routes made again.
    app = FastAPI(
        title="Spean",
        version="1",
        description="Hotline and case management for migrant workers.",
        lifespan=_lifespan(wired),
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        routes=[*doors, *(route for room in _ROOMS for route in room.door.routes)],
    )
    app.state.services = Services(
        wired.office, wired.clock, wired.settings.token_minutes, wired.recording_files, wired.files,
        wired.export_files, wired.attachments.look_after, wired.sign_in_terms, wired.ledger.add,
    )  # fmt: skip
    app.state.hints = Hints(wired.office, wired.settings.sync_hint_seconds)
    duress.attach(app)
    Problems(wired.office.rulebook.catalogues).attach(app)
    app.add_middleware(GZipMiddleware, minimum_size=_SMALLEST_TO_COMPRESS_BYTES)
    app.add_middleware(Unpacked)
    app.add_middleware(SpeaksTus)
    app.add_middleware(BodyLimit, larger={PATH: wired.settings.attachment_max_bytes})
    app.add_middleware(StraightToDoors, doors=_doors_that_sign(doors))
    put_headers_on(app, over_tls=wired.settings.public_base_url.startswith("https://"))
    describe(app)
    return app


def _carrier_doors(wired: Application) -> list[Route]:
    """The doors that carriers know; they answer in their own manner and stand in no OpenAPI document."""
    twilio, voice, cht = wired.twilio_door, wired.voice_door, wired.cht_door
    desk, prompts = wired.desk_door, wired.prompt_door
    return [
        Route("/twilio/sms", twilio.text, methods=["POST"]),
        Route("/twilio/sms/status", twilio.status, methods=["POST"]),
        Route("/twilio/voice", voice.began, methods=["POST"]),
        Route("/twilio/voice/next/{at:int}", voice.next, methods=["POST"]),
        Route("/twilio/voice/screen/{call_id:uuid}", voice.screen, methods=["POST"]),
        Route("/twilio/voice/screened/{call_id:uuid}", voice.screened, methods=["POST"]),
        Route("/twilio/voice/desk/{at:int}", desk.next, methods=["POST"]),
        Route("/twilio/voice/outgoing/{call_id:uuid}", voice.outgoing, methods=["POST"]),
        Route("/twilio/voice/goodbye", voice.goodbye, methods=["POST"]),
        Route("/twilio/voice/status", twilio.call_status, methods=["POST"]),
        Route("/twilio/recording", twilio.recording, methods=["POST"]),
        Route("/prompts/{address}", prompts.get, methods=["GET"]),
        Route("/gateways/cht/{gateway}", cht.probe, methods=["GET"]),
        Route("/gateways/cht/{gateway}", cht.poll, methods=["POST"]),
    ]


def _doors_that_sign(doors: list[Route]) -> dict[str, ASGIApp]:
    """Twilio's doors by path: they read, verify and limit by themselves, and answer in a few bytes."""
    return {
        door.path: door.app for door in doors if door.path.startswith("/twilio/") and "{" not in door.path
    }


def _lifespan(wired: Application) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        worker = wired.worker() if wired.settings.runs_worker_inside else None
        if worker:
            worker.start()
        try:
            yield
        finally:
            if worker:
                worker.stop()
            wired.inbox.close()
            wired.office.database.close()

    return lifespan
