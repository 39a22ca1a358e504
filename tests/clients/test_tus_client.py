"""The unmodified tus-js-client from npm: through a faulty network its file arrives byte for byte."""

import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.store.files import CHUNK_BYTES
from tests.clients.node import NodeClient, client
from tests.makers import Installation
from tests.peers.faulty_proxy import CALM, HARMS, FaultyProxy, Harm, Line, Weather
from tests.twilio_town import served
from tests.uploader import Upload, a_pdf

SIZE = 300_000
HEADERS_OF_A_REQUEST = 1_500
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def tus() -> NodeClient:
    return client("tus")


@pytest.fixture
def upload(here: Installation) -> Upload:
    return Upload(here, here.a_worker(), here.a_case(), a_pdf(SIZE))


@pytest.fixture
def port(here: Installation) -> Iterator[int]:
    with served(here) as origin:
        yield int(origin.rpartition(":")[2])


def send(
    tus: NodeClient, upload: Upload, proxy: FaultyProxy, folder: Path, **changes: Any
) -> tuple[int, dict[str, Any]]:
    """Let the client send the upload's content; its exit status and what it said."""
    file = folder / "content"
    file.write_bytes(upload.content)
    pairs = (pair.split(" ") for pair in upload.metadata.split(","))
    job = {
        "endpoint": f"{proxy.address}/v1/blobs", "token": upload.here.token(upload.worker),
        "file": str(file), "metadata": {key: decoded(value) for key, value in pairs},
        "retryAfter": 20, "stallAfter": 1_500, **changes,
    }  # fmt: skip
    return tus.run("upload.mjs", job, seconds=PATIENCE_SECONDS)


def decoded(value: str) -> str:
    return b64decode(value).decode()


def sent_twice_at_most(proxy: FaultyProxy, stalls: int) -> int:
    """What may have gone up in all: the file, a chunk for each cut, and the heads of requests."""
    cuts = sum(passage.fate.harm is not Harm.REFUSE for passage in proxy.harmed) + stalls
    # One connection carries several requests; a request that was answered left an answer of its own.
    requests = len(proxy.passages) + sum(passage.down_bytes for passage in proxy.passages) // 300
    return SIZE + cuts * CHUNK_BYTES + requests * HEADERS_OF_A_REQUEST


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_a_file_arrives_byte_for_byte_through_a_faulty_network(
    tus: NodeClient, upload: Upload, port: int, tmp_path: Path, seed: int
) -> None:
    weather = Weather(rate=0.7, up_within=SIZE // 2, down_within=600, silence_seconds=3)
    with FaultyProxy(port, seed=seed, weather=weather) as proxy:
        status, said = send(tus, upload, proxy, tmp_path)
    assert (status, said.get("url", "").endswith(upload.location)) == (0, True), said
    assert upload.file().content == upload.content
    assert proxy.up_bytes <= sent_twice_at_most(proxy, said["stalls"])
    assert upload.here.kinds(upload.case_id).count("attachment.added") == 1


@pytest.mark.parametrize("harm", HARMS)
def test_each_harm_alone_is_come_through(
    tus: NodeClient, upload: Upload, port: int, tmp_path: Path, harm: Harm
) -> None:
    # The first connections are all harmed; then the weather clears, as it does.
    weather = Weather(
        rate=1.0, harms=[harm], up_within=SIZE // 2, down_within=600, silence_seconds=3, clears_after=3
    )
    with FaultyProxy(port, seed=9, weather=weather) as proxy:
        status, said = send(tus, upload, proxy, tmp_path)
    assert status == 0, said
    assert proxy.harmed
    assert upload.file().content == upload.content
    assert proxy.up_bytes <= sent_twice_at_most(proxy, said["stalls"])


def test_in_chunks_and_with_the_announcement_over_a_slow_line(
    tus: NodeClient, upload: Upload, port: int, tmp_path: Path
) -> None:
    line = Line(bytes_per_second=400_000, delay_seconds=0.005)
    with FaultyProxy(port, weather=CALM, line=line) as proxy:
        status, said = send(tus, upload, proxy, tmp_path, chunkSize=100_000, duringCreation=True)
    assert (status, said["failures"]) == (0, 0), said
    assert upload.file().content == upload.content


def test_a_refusal_reaches_the_app_with_its_code(
    tus: NodeClient, upload: Upload, port: int, tmp_path: Path
) -> None:
    upload.content = b"GIF89a" + bytes(2_000)
    with FaultyProxy(port) as proxy:
        status, said = send(tus, upload, proxy, tmp_path)
    assert (status, said["status"]) == (1, 422)
    assert json.loads(said["body"])["code"] == "attachment.type_refused"
