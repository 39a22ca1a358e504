"""The fake Twilio's calls can be listed and ended, its recordings fetched and deleted, and go wrong."""

import io
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from urllib.parse import parse_qsl

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tests import peers
from tests.peers import Loopback, Poster, Reply, silence, web_client
from tests.peers.call_stub import ACCOUNT, OURS, PUBLIC, RECORD, THEIRS, TOKEN, a_line, ring, stub
from tests.peers.calls import (
    HANG_UP,
    Ended,
    Line,
    Script,
    fetched_by_client,
    fetched_over_http,
    picks_up,
    posted_by_client,
    posted_over_http,
    says,
)
from tests.peers.twilio import FakeTwilio
from tests.peers.voice import (
    ENDLESS,
    NOT_YET,
    UNAUTHORISED,
    WEB_PAGE,
    another_host,
    fails,
    moved_to,
    oversize,
    slow,
)

VOICE = f"{PUBLIC}/twilio/voice"
DOCUMENTS = {
    "/twilio/voice": f"<Play>/prompt.wav</Play>{RECORD}",
    "/1": "<Hangup/>",
    "/2": "<Say>nothing was said</Say>",
}


@pytest.fixture(name="carrier")
def _carrier() -> Iterator[FakeTwilio]:
    with FakeTwilio(account_sid=ACCOUNT, auth_token=TOKEN) as carrier:
        yield carrier


@pytest.fixture(name="api")
def _api(carrier: FakeTwilio) -> Iterator[httpx.Client]:
    base = f"{carrier.base_url}/2010-04-01/Accounts/{ACCOUNT}"
    with web_client(5) as client:
        client.base_url, client.auth = httpx.URL(base), httpx.BasicAuth(ACCOUNT, TOKEN)
        yield client


def recorded(carrier: FakeTwilio, seconds: float = 2) -> str:
    """The sid of a message that was left."""
    heard = ring(a_line(RECORD, voice=carrier.voice), says(seconds))
    (sid,) = [one.sid for one in heard.recordings]
    assert sid is not None
    return sid


def a_request(path: str, body: bytes, signature: str) -> Response:
    """What a service with a validator of its own answers."""
    if path == "/prompt.wav":
        return Response(b"RIFF", media_type="audio/wav")
    form = dict(parse_qsl(body.decode(), keep_blank_values=True))
    if not RequestValidator(TOKEN).validate(f"{PUBLIC}{path}", form, signature):
        return PlainTextResponse("who are you?", 403)
    if path in {"/recording", "/status"}:
        return Response(status_code=204)
    return Response(f"<Response>{DOCUMENTS[path]}</Response>", media_type="text/xml")


@contextmanager
def by_client(token: str = TOKEN) -> Iterator[Line]:
    async def answer(request: Request) -> Response:
        if request.url.path == "/slash":
            return RedirectResponse("/slash/")
        body, signature = await request.body(), request.headers.get("x-twilio-signature", "")
        return a_request(request.url.path, body, signature)

    routes = [Route("/{path:path}", answer, methods=["GET", "POST"])]
    with TestClient(Starlette(routes=routes)) as client:
        post, fetch = posted_by_client(client, token), fetched_by_client(client)
        yield Line(post, ACCOUNT, PUBLIC, fetch=fetch, status_url=f"{PUBLIC}/status")


@contextmanager
def over_http(token: str = TOKEN) -> Iterator[Line]:
    def answer(heard: peers.Heard) -> Reply:
        if heard.path == "/slash":
            return Reply(307, b"", {"Location": "/slash/"})
        made = a_request(heard.path, heard.body, heard.headers.get("x-twilio-signature", ""))
        return Reply(
            made.status_code, bytes(made.body), {"Content-Type": made.headers.get("content-type", "")}
        )

    with Loopback(answer) as place:
        poster = Poster({PUBLIC: place.base_url})
        post, fetch = posted_over_http(poster, token), fetched_over_http(poster)
        yield Line(post, ACCOUNT, PUBLIC, fetch=fetch, status_url=f"{PUBLIC}/status")
        poster.close()


@pytest.fixture(name="line", params=[by_client, over_http])
def _line(request: pytest.FixtureRequest) -> Iterator[Line]:
    with request.param() as line:
        yield line


def test_both_ways_to_our_service_sign_what_they_send(line: Line) -> None:
    heard = line.call(THEIRS, OURS, Script(says(3, "#")))
    assert (heard.faults, heard.ended, heard.requests) == ([], Ended.HUNG_UP, 4)
    assert heard.played == [f"{PUBLIC}/prompt.wav"]
    assert [answer.status for _, answer in line.delivered] == [204, 204]


def test_neither_way_follows_a_redirect(line: Line) -> None:
    heard = line.call(THEIRS, OURS, Script(), url=f"{PUBLIC}/slash")
    assert heard.ended is Ended.DROPPED
    assert heard.faults[0].startswith("HTTP redirect 307")


@pytest.mark.parametrize("way", [by_client, over_http])
def test_a_wrong_token_shows_in_either_way(way: Callable[[str], AbstractContextManager[Line]]) -> None:
    with way("another token") as line:
        heard = line.call(THEIRS, OURS, Script())
    assert heard.ended is Ended.DROPPED
    assert heard.faults == ["our service answered 403", "a call callback was answered 403"]


def test_a_service_that_is_too_slow_is_a_canned_error() -> None:
    with Loopback(lambda _: Reply(200, b"<Response/>", {"Content-Type": "text/xml"})) as place:
        poster = Poster({PUBLIC: place.base_url}, web_client(0.2))
        place.fail_next(silence(2, accepted=True))
        heard = Line(posted_over_http(poster, TOKEN), ACCOUNT, PUBLIC).call(THEIRS, OURS, Script())
        assert (heard.ended, heard.faults) == (Ended.DROPPED, ["canned error: ReadTimeout"])
        poster.close()


def test_the_carrier_itself_can_post_for_a_line(carrier: FakeTwilio) -> None:
    with Loopback(lambda _: Reply(200, b"<Response/>", {"Content-Type": "text/xml"})) as place:
        carrier.proxies[PUBLIC] = place.base_url
        heard = Line(carrier.post_signed, ACCOUNT, PUBLIC, voice=carrier.voice).call(THEIRS, OURS, Script())
        form = dict(place.heard[0].form)
        assert RequestValidator(TOKEN).validate(VOICE, form, place.heard[0].headers["x-twilio-signature"])
    assert (heard.faults, carrier.voice.inbound[0].status) == ([], "completed")


def test_twilios_own_library_makes_a_call_that_is_then_run_and_listed(carrier: FakeTwilio) -> None:
    client = Client(ACCOUNT, TOKEN)
    client.api.base_url = carrier.base_url
    events = ["initiated", "ringing", "answered", "completed"]
    made = client.calls.create(
        to=THEIRS, from_=OURS, url=VOICE, status_callback=f"{PUBLIC}/status", status_callback_event=events
    )
    line = a_line(voice=carrier.voice)
    line.outgoing(carrier.calls[0], picks_up())
    told = [form["CallStatus"] for path, form in stub(line).asked if path == "/status"]
    assert told == ["initiated", "ringing", "in-progress", "completed"]
    ring(line)
    assert {call.sid for call in client.calls.list()} > {made.sid}
    assert [call.sid for call in client.calls.list(to=THEIRS, status="completed")] == [made.sid]
    assert client.calls.list(status="busy") == []
    fetched = client.calls(str(made.sid)).fetch()
    assert (fetched.status, fetched.duration) == ("completed", "0")


def test_a_waiting_call_can_be_canceled_and_a_running_one_completed(
    carrier: FakeTwilio, api: httpx.Client
) -> None:
    sid = api.post("/Calls.json", data={"To": THEIRS, "From": OURS, "Url": VOICE}).json()["sid"]
    for before, asked, after in (
        ("queued", "canceled", "canceled"),
        ("ringing", "canceled", "canceled"),
        ("in-progress", "canceled", "in-progress"),
        ("in-progress", "completed", "completed"),
    ):
        carrier.voice.call(sid).status = before
        assert api.post(f"/Calls/{sid}.json", data={"Status": asked}).json()["status"] == after
    again = api.post(f"/Calls/{sid}.json", data={"Status": "completed"})
    assert (again.status_code, again.json()["code"]) == (400, 21220)
    assert api.post(f"/Calls/{sid}.json", data={"Status": "busy"}).json()["code"] == 21201
    assert api.post(f"/Calls/{sid}.json", data={"Twiml": "<Response/>"}).json()["code"] == 20001
    assert api.post(f"/Calls/CA{'0' * 32}.json", data={"Status": "completed"}).status_code == 404


def test_wrong_callbacks_of_a_call_are_refused(api: httpx.Client) -> None:
    params = {"To": THEIRS, "From": OURS, "Url": VOICE}
    for wrong, code in (({"StatusCallback": "/status"}, 21609), ({"StatusCallbackEvent": "busy"}, 21626)):
        assert api.post("/Calls.json", data=params | wrong).json()["code"] == code


def test_a_recording_is_a_sound_that_is_there_until_it_is_deleted(
    carrier: FakeTwilio, api: httpx.Client
) -> None:
    sid = recorded(carrier)
    wav, mp3 = api.get(f"/Recordings/{sid}.wav"), api.get(f"/Recordings/{sid}.mp3")
    assert (wav.headers["content-type"], mp3.headers["content-type"]) == ("audio/x-wav", "audio/mpeg")
    with wave.open(io.BytesIO(wav.content)) as sound:
        assert sound.getnframes() / sound.getframerate() == 2
    assert mp3.content.startswith(b"\xff\xfb")
    shown = api.get(f"/Recordings/{sid}.json").json()
    assert (shown["duration"], shown["status"], shown["source"]) == ("2", "completed", "RecordVerb")
    assert [one["sid"] for one in api.get("/Recordings.json").json()["recordings"]] == [sid]
    assert api.delete(f"/Recordings/{sid}.json").status_code == 204
    for path in (f"/Recordings/{sid}.wav", f"/Recordings/{sid}.mp3", f"/Recordings/{sid}.json"):
        assert api.get(path).status_code == 404
    assert api.delete(f"/Recordings/{sid}.json").status_code == 404
    assert (carrier.voice.deleted, api.get("/Recordings.json").json()["recordings"]) == ([sid], [])


def test_a_recording_holds_what_the_test_says_and_opens_to_the_account_only(
    carrier: FakeTwilio, api: httpx.Client
) -> None:
    sid = recorded(carrier)
    carrier.recordings[sid].mp3 = b"invented"
    assert api.get(f"/Recordings/{sid}.mp3").content == b"invented"
    assert api.get(f"/Recordings/{sid}.mp3", auth=(ACCOUNT, "wrong")).status_code == 401
    assert api.get(f"/Calls/CA{'0' * 32}/Recordings/{sid}.mp3").content == b"invented"
    assert api.put(f"/Recordings/{sid}.json").status_code == 405


def test_a_recording_goes_wrong_as_asked_once_each(carrier: FakeTwilio, api: httpx.Client) -> None:
    sid = recorded(carrier)
    carrier.recordings[sid].troubles.extend([NOT_YET, NOT_YET, UNAUTHORISED, fails(503), oversize(1_000_000)])
    answers = [api.get(f"/Recordings/{sid}.mp3") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [404, 404, 401, 503, 200, 200]
    assert [len(answer.content) >= 1_000_000 for answer in answers[4:]] == [True, False]
    carrier.recordings[sid].troubles.extend([WEB_PAGE, slow(0.3)])
    assert api.get(f"/Recordings/{sid}.mp3").headers["content-type"] == "text/html"
    began = time.monotonic()
    assert api.get(f"/Recordings/{sid}.mp3").headers["content-type"] == "audio/mpeg"
    assert time.monotonic() - began >= 0.3


def test_an_endless_recording_has_no_length_and_no_end(carrier: FakeTwilio, api: httpx.Client) -> None:
    sid, came = recorded(carrier), 0
    carrier.recordings[sid].troubles.append(ENDLESS)
    with api.stream("GET", f"/Recordings/{sid}.mp3") as answer:
        assert "content-length" not in answer.headers
        for piece in answer.iter_raw():
            came += len(piece)
            if came > 3_000_000:
                break
    assert came > 3_000_000
    assert api.get(f"/Recordings/{sid}.mp3").status_code == 200


def test_another_host_remembers_everybody_who_came(carrier: FakeTwilio, api: httpx.Client) -> None:
    sid = recorded(carrier)
    with another_host() as stranger:
        carrier.recordings[sid].troubles.append(moved_to(f"{stranger.base_url}/a.mp3"))
        answer = api.get(f"/Recordings/{sid}.mp3")
        assert (answer.status_code, stranger.heard) == (302, [])
        httpx.get(answer.headers["location"], auth=(ACCOUNT, TOKEN), trust_env=False)
        assert "authorization" in stranger.heard[0].headers


def test_a_silent_caller_leaves_no_recording(carrier: FakeTwilio) -> None:
    ring(a_line(RECORD, voice=carrier.voice), HANG_UP)
    assert carrier.recordings == {}


def test_the_same_call_told_twice_is_one_call(carrier: FakeTwilio) -> None:
    line = a_line(voice=carrier.voice)
    for _ in range(2):
        line.call(THEIRS, OURS, Script(), sid="CA" + "7" * 32)
    assert [call.sid for call in carrier.voice.inbound] == ["CA" + "7" * 32]
