"""Large pulls take turns, and a short one goes ahead of all of them."""

import asyncio
import gzip
import threading

import orjson

from app.api.turns import Turns
from tests.field_app import FieldApp
from tests.makers import Installation

PATIENCE_SECONDS = 20


class Pages:
    """Pages that are being made until they are allowed to be ready."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.most = self._now = 0
        self.one_begun, self.ready = threading.Event(), threading.Event()
        self._guard = threading.Lock()

    def make(self, name: str) -> str:
        with self._guard:
            self.begun.append(name)
            self._now += 1
            self.most = max(self.most, self._now)
        self.one_begun.set()
        assert self.ready.wait(PATIENCE_SECONDS)
        with self._guard:
            self._now -= 1
        return name


def test_a_short_pull_does_not_wait_for_the_large_ones_before_it() -> None:
    pages, turns = Pages(), Turns()
    turns.goes_on("middle")

    async def all_at_once() -> list[str]:
        large = [
            asyncio.ensure_future(turns.take(cursor, lambda name=name: pages.make(name)))  # type: ignore[misc]  # mypy knows no defaults of lambdas
            for name, cursor in (("first", None), ("second", ""), ("third", "middle"))
        ]
        assert await asyncio.to_thread(pages.one_begun.wait, PATIENCE_SECONDS)
        short = await asyncio.wait_for(turns.take("the newest", lambda: "short"), PATIENCE_SECONDS)
        assert pages.begun == ["first"]
        pages.ready.set()
        return [short, *await asyncio.gather(*large)]

    assert asyncio.run(all_at_once()) == ["short", "first", "second", "third"]
    assert pages.begun == ["first", "second", "third"]
    assert pages.most == 1


def test_a_page_that_fails_gives_its_turn_to_the_next() -> None:
    turns = Turns()

    def fails() -> str:
        raise ZeroDivisionError

    async def both() -> tuple[object, object]:
        tasks = turns.take(None, fails), turns.take(None, lambda: "next")
        return await asyncio.gather(*tasks, return_exceptions=True)

    failed, after = asyncio.run(both())
    assert isinstance(failed, ZeroDivisionError)
    assert after == "next"


def test_a_page_comes_packed_to_whoever_can_unpack_it_and_is_the_same(here: Installation) -> None:
    app = FieldApp(here, here.a_worker())
    for path in ("/v1/sync/pull?limit=500", "/v1/rxdb/reference/pull?limit=500"):
        app.ask("GET", path)
        with here.client.stream("GET", path, headers=_for(app, "gzip, deflate")) as answer:
            packed = b"".join(answer.iter_raw())
        plain = app.ask("GET", path, headers={"Accept-Encoding": "identity"})
        assert (answer.headers["content-encoding"], answer.headers["vary"]) == ("gzip", "Accept-Encoding")
        assert "content-encoding" not in plain.headers
        assert int(answer.headers["content-length"]) == len(packed) < len(plain.content) / 2
        assert orjson.loads(gzip.decompress(packed)) == plain.json()


def _for(app: FieldApp, encoding: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {app.token}", "Accept-Encoding": encoding}
