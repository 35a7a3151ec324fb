"""What `nsps run` says when it starts: which instance, where it stores and listens, and what is off and why."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.catalog import Catalog
from engine.masking import Masker
from engine.pipeline import Pipeline
from engine.settings import EspfReceiver, NspsReceiver


def summary_lines(catalog: Catalog, url: str, masker: Masker) -> Iterator[str]:
    """A few calm lines, without secrets."""
    settings = catalog.settings
    yield f"NSPS runs {settings.instance}"
    yield f"  store      {_address(settings.store, masker)}"
    yield f"  queue      {_address(settings.queue, masker)}"
    receivers = (("from ESPF", settings.receive.espf), ("as a connector of NSPS", settings.receive.nsps))
    for sender, receiver in receivers:
        if receiver is not None:
            yield f"  receives   {_receiver(sender, receiver, url)}"
    for pipeline in catalog.pipelines.values():
        yield f"  pipeline   {_pipeline(pipeline)}"
    if not catalog.pipelines:
        yield "  pipeline   none: events are stored, and `nsps replay` routes them once there is one"
    yield f"Listening at {url}"


def _address(url: str, masker: Masker) -> str:
    """The address without the credentials that may stand in it."""
    return masker.text(re.sub(r"://[^@/]*@", "://***@", url))


def _receiver(sender: str, receiver: EspfReceiver | NspsReceiver, url: str) -> str:
    if receiver.off:
        return f"{sender}: off, {receiver.off}"
    return f"POST {url}{receiver.path} {sender}"


def _pipeline(pipeline: Pipeline) -> str:
    if pipeline.off:
        return f"{pipeline.name}: off, {pipeline.off}"
    return f"{pipeline.name}: {', '.join(pipeline.events)}"
