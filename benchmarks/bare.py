"""The least that FastAPI does for a form: the yardstick for the carrier's door."""

import argparse
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Form
from starlette.responses import Response

app = FastAPI(openapi_url=None)


@app.post("/bare")
async def bare(
    MessageSid: Annotated[str, Form()],  # noqa: N803 - the carrier's names
    From: Annotated[str, Form()],  # noqa: N803
    To: Annotated[str, Form()],  # noqa: N803
    Body: Annotated[str, Form()],  # noqa: N803
) -> Response:
    """Read four fields, check nothing, keep nothing."""
    assert MessageSid
    assert From
    assert To
    assert Body
    return Response(b"<Response/>", media_type="text/xml")


@app.get("/alive")
async def alive() -> Response:
    """Answer, so that whoever waits for the server knows that it is there."""
    return Response(b"")


def main() -> None:
    """Serve as `spean serve` does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    uvicorn.run(
        app, host="127.0.0.1", port=port, log_config=None, access_log=False, server_header=False,
        proxy_headers=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
