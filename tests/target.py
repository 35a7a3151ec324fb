"""An external system that remembers what it was sent, and a project on disk that sends to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engine.simulators.serve import serving

NSPS = """\
instance: test
receive:
  espf:
    path: /espf
    auth:
      basic:
        - {user: espf, password: "${secret:ESPF_PASSWORD}"}
        - {user: second, password: "${secret:ESPF_PASSWORD}"}
      custom: [{scheme: Key, value: "${secret:ESPF_KEY}"}]
  nsps:
    path: /process-event
    auth: {bearer: ["${secret:API_TOKEN}"]}
    answer: processed
    answer_within: 1s
store: ${NSPS_STORE:-sqlite:///var/nsps.db}
retry: quick
retries:
  quick:
    main: {first: 50ms, factor: 2, max: 200ms, for: 1h}
"""

CONNECTOR = """\
connector: target
transport: http
base_url: ${TARGET_URL}
timeout: 5s
operations:
  put:
    args:
      key: {type: string}
      value?: {}
    request:
      method: POST
      path: /put
      headers: {idempotency-key: "{{ idempotency_key }}"}
      json: {key: "{{ args.key }}", value: "{{ args.value | default(omit) }}"}
    verdicts:
      - {when: status == `404`, is: fail, answer: 404, reason: it is not known}
      - {when: status == `400`, is: fail, reason: "refused: {{ body.error }}"}
    example: {body: {ok: true}}
"""

PIPELINE = """\
pipeline: main
events: ["SIM/*"]
order:
  key: data.variables.i_account
map:
  key: to_string(data.variables.i_account)
  value?: data.variables.i_event
skip:
  - {when: data.variables.skip, reason: asked to}
  - {when: data.variables.gone, reason: it is gone, answer: 404}
dispatch:
  - call: target.put
"""

SECRETS = {"ESPF_PASSWORD": "pass-word-1", "ESPF_KEY": "key-value-1", "API_TOKEN": "token-value-1"}

Behaviour = Callable[[Request, dict[str, Any]], Any]


class Target:
    """The external system. `answers` are given in turn, then 200; a number is a status, "hang" waits for `let_go`."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.answers: list[Any] = []
        self.let_go = asyncio.Event()
        self.came = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI."""
        request = Request(scope, receive)
        body = orjson.loads(await request.body())
        self.requests.append(body)
        self.keys.append(request.headers.get("idempotency-key", ""))
        self.came.set()
        response = await self._answer(self.answers.pop(0) if self.answers else 200)
        await response(scope, receive, send)

    async def _answer(self, answer: Any) -> Response:
        if answer == "hang":
            await self.let_go.wait()
            answer = 200
        if isinstance(answer, dict):
            return JSONResponse(answer)
        return JSONResponse({"ok": answer == 200, "error": f"code {answer}"}, status_code=answer)


@asynccontextmanager
async def target_running() -> AsyncIterator[tuple[Target, str]]:
    """A target and its URL."""
    target = Target()
    async with serving(target) as url:
        try:
            yield target, url
        finally:
            target.let_go.set()


def write_project(folder: Path, nsps: str = NSPS, pipeline: str = PIPELINE, connector: str = CONNECTOR) -> Path:
    """A project in `folder`."""
    (folder / "connectors").mkdir(parents=True)
    (folder / "pipelines").mkdir()
    (folder / "nsps.yaml").write_text(nsps)
    (folder / "connectors" / "target.yaml").write_text(connector)
    (folder / "pipelines" / "main.yaml").write_text(pipeline)
    return folder
