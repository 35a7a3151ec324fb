"""One module per auth kind, and literal tables of them: those that are fixed, and those that hold a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.auths import basic, bearer, header, none, query
from engine.auths.oauth2 import ClientCredentials
from engine.auths.session import LogsIn
from engine.connector import Connector
from engine.request import HttpRequest
from engine.sessions import SessionAuth

FIXED: Mapping[str, Callable[[Any, HttpRequest], HttpRequest]] = {
    "none": none.apply,
    "basic": basic.apply,
    "bearer": bearer.apply,
    "header": header.apply,
    "query": query.apply,
}

SESSIONS: Mapping[str, Callable[[Any, Connector], SessionAuth]] = {
    "oauth2_client_credentials": ClientCredentials,
    "session": LogsIn,
}
