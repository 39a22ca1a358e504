"""Uploads over bad lines and a real server: what arrived before a cut is kept, and little is sent twice."""

import http.client
import socket
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from app.identity.rules import Worker
from app.store.files import CHUNK_BYTES
from tests.makers import Installation
from tests.peers.faulty_proxy import FaultyProxy, Harm, Line, Weather
from tests.twilio_town import served
from tests.uploader import BYTES, TUS, Upload, a_pdf

SIZE = 300_000
HEADERS_OF_A_REQUEST = 1_500
SOON = 10.0
PATIENCE = 5.0


@pytest.fixture
def dara(here: Installation) -> Worker:
    return here.a_worker()


@pytest.fixture
def upload(here: Installation, dara: Worker) -> Upload:
    made = Upload(here, dara, here.a_case(), a_pdf(SIZE))
    made.announce()
    return made


@pytest.fixture
def port(upload: Upload) -> Iterator[int]:
    with served(upload.here) as origin:
        yield int(origin.rpartition(":")[2])


def headers_of(upload: Upload, **more: str) -> dict[str, str]:
    token = upload.here.token(upload.worker)
    return {**TUS, "Authorization": f"Bearer {token}", **{k.replace("_", "-"): v for k, v in more.items()}}


def begin_to_send(port: int, upload: Upload, *, at: int, announced: int, sent: int) -> socket.socket:
    """A connection on which so many bytes of a longer body were sent."""
    told = headers_of(
        upload, Host="localhost", Upload_Offset=str(at), Content_Type=BYTES, Content_Length=str(announced)
    )
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    connection = socket.create_connection(("127.0.0.1", port), timeout=SOON)
    connection.sendall(f"PATCH {upload.location} HTTP/1.1\r\n{head}\r\n".encode())
    connection.sendall(upload.content[at : at + sent])
    return connection


def soon(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + SOON
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("sent", [1, 65_535, 65_536, 100_001])
def test_what_arrived_before_a_cut_is_kept_to_the_last_byte(upload: Upload, port: int, sent: int) -> None:
    begin_to_send(port, upload, at=0, announced=SIZE, sent=sent).close()
    assert soon(lambda: upload.offset() == sent)
    assert upload.send(sent).status_code == 204
    assert upload.file().content == upload.content


def test_a_line_that_died_without_a_word_blocks_nobody(upload: Upload, port: int) -> None:
    silent = begin_to_send(port, upload, at=0, announced=SIZE, sent=100_000)
    with silent:
        assert soon(lambda: upload.offset() == CHUNK_BYTES)
        assert upload.send(CHUNK_BYTES).status_code == 204
        assert upload.file().content == upload.content


def test_a_device_that_comes_back_hears_of_every_byte_that_its_dead_line_brought(
    upload: Upload, port: int
) -> None:
    silent = begin_to_send(port, upload, at=0, announced=SIZE, sent=100_001)
    with silent, FaultyProxy(port) as proxy:
        assert soon(lambda: upload.offset() == CHUNK_BYTES)
        time.sleep(0.1)
        assert request(proxy, upload, "HEAD") == (200, 100_001)
        assert patch(proxy, upload, at=100_001)
    assert upload.file().content == upload.content


def test_bytes_that_come_too_late_on_a_dead_line_change_nothing(upload: Upload, port: int) -> None:
    old = begin_to_send(port, upload, at=0, announced=SIZE, sent=70_000)
    with old:
        assert soon(lambda: upload.offset() == CHUNK_BYTES)
        assert upload.send(CHUNK_BYTES, 200_000).status_code == 204
        old.sendall(upload.content[70_000:SIZE])
        assert old.recv(100).startswith(b"HTTP/1.1 409 ")
    assert upload.offset() == 200_000
    assert upload.send(200_000).status_code == 204
    assert upload.file().content == upload.content


def test_two_devices_that_send_the_same_upload_at_once_end_with_one_file(upload: Upload, port: int) -> None:
    lines = [begin_to_send(port, upload, at=0, announced=SIZE, sent=SIZE) for _ in range(3)]
    answers = sorted(int(line.recv(12)[9:12]) for line in lines)
    for line in lines:
        line.close()
    assert set(answers) <= {204, 409, 423}
    at = upload.offset()
    if at < SIZE:
        assert upload.send(at).status_code == 204
    assert upload.file().content == upload.content
    assert upload.here.kinds(upload.case_id).count("attachment.added") == 1


def test_a_slow_line_gets_there(upload: Upload, port: int) -> None:
    upload.content = a_pdf(5_000)
    small = Upload(upload.here, upload.worker, upload.case_id, upload.content)
    small.announce()
    with FaultyProxy(port, line=Line(bytes_per_second=5_000, delay_seconds=0.01)) as proxy:
        began = time.monotonic()
        assert patch(proxy, small, at=0)
        assert time.monotonic() - began >= 1
    assert small.file().content == small.content


def patch(proxy: FaultyProxy, upload: Upload, *, at: int) -> bool:
    """Whether the rest was sent and that was confirmed."""
    answer = request(proxy, upload, "PATCH", upload.content[at:], Upload_Offset=str(at), Content_Type=BYTES)
    return answer is not None and answer[0] == 204


def request(
    proxy: FaultyProxy, upload: Upload, method: str, body: bytes | None = None, **more: str
) -> tuple[int, int] | None:
    """Status and offset of an answer; None where none came."""
    where = urlsplit(proxy.address)
    connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=PATIENCE)
    try:
        connection.request(method, upload.location, body, headers_of(upload, **more))
        answer = connection.getresponse()
        answer.read()
        return answer.status, int(answer.headers.get("Upload-Offset", "-1"))
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


@pytest.mark.parametrize("seed", range(4))
def test_through_every_kind_of_harm_the_bytes_arrive_and_few_are_sent_twice(
    upload: Upload, port: int, seed: int
) -> None:
    weather = Weather(rate=0.7, up_within=SIZE, down_within=400, silence_seconds=0.3)
    with FaultyProxy(port, seed=seed, weather=weather) as proxy:
        for _ in range(200):
            looked = request(proxy, upload, "HEAD")
            if looked is None or looked[0] != 200:
                continue
            if looked[1] == SIZE:
                break
            patch(proxy, upload, at=looked[1])
    assert upload.file().content == upload.content
    cuts = sum(passage.fate.harm is not Harm.REFUSE for passage in proxy.harmed)
    assert proxy.harmed
    heads = len(proxy.passages) * HEADERS_OF_A_REQUEST
    assert proxy.up_bytes <= SIZE + cuts * CHUNK_BYTES + heads
