"""What pika leaves behind: the socket of an attempt to connect that failed, until the collector comes by."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest
from dramatiq.worker import ConsumerThread

ENDS_WITHIN_S = 30


@pytest.fixture
def swept() -> Iterator[None]:
    """The collector comes by at the end of the test: the warning is of that test, which may expect it, and of no other."""
    yield
    for thread in threading.enumerate():
        if thread.name.startswith("queue_") or isinstance(thread, ConsumerThread):
            thread.join(ENDS_WITHIN_S)
    gc.collect()


MARKS = [
    pytest.mark.usefixtures("swept"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]
