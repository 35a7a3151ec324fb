"""One module per transport, and a literal table of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from engine.clock import Clock
from engine.connector import Connector
from engine.transport import Transport
from engine.transports.http import HttpTransport

TRANSPORTS: Mapping[str, Callable[[Connector, Clock, Path], Transport]] = {"http": HttpTransport}
