"""What a person at a simulator may do from a shell: `POST /control/...`, no credentials; for loopback only."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from engine.simulators.faults import Faults


def fault_routes(faults: Faults) -> list[Route]:
    """`POST /control/faults` with a JSON list (`[503, "hang"]`): the next requests meet them. `DELETE`: no more faults."""

    async def put(request: Request) -> JSONResponse:
        said = await json_body(request)
        try:
            faults.then(*(said if isinstance(said, list) else [said]))
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({"waiting": len(faults.next)})

    async def clear(request: Request) -> JSONResponse:
        faults.clear()
        return JSONResponse({"waiting": 0})

    return [Route("/control/faults", put, methods=["POST"]), Route("/control/faults", clear, methods=["DELETE"])]


async def json_body(request: Request) -> Any:
    """The body as JSON, None when it is empty or no JSON."""
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return None
