"""What a process says when it starts: which instance, where it stores and listens, and what is off and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.addresses import shown
from engine.catalog import Catalog
from engine.masking import Masker
from engine.pipeline import Pipeline
from engine.process import Part
from engine.settings import EspfReceiver, NspsReceiver
from engine.windows import in_words

BEGINS: Mapping[Part, str] = {"all": "NSPS runs", "receiver": "NSPS receives for", "worker": "NSPS delivers for"}


def summary_lines(catalog: Catalog, masker: Masker, part: Part, where: str) -> Iterator[str]:
    """A few calm lines, without secrets. `where`: the URL it listens at; of workers, how many there are."""
    settings = catalog.settings
    yield f"{BEGINS[part]} {settings.instance}"
    yield f"  store      {masker.text(shown(settings.store))}"
    yield f"  queue      {masker.text(shown(settings.queue))}"
    receivers = (("from ESPF", settings.receive.espf), ("as a connector of NSPS", settings.receive.nsps))
    for sender, receiver in receivers if part != "worker" else ():
        if receiver is not None:
            yield f"  receives   {_receiver(sender, receiver, where)}"
    if part != "worker" and all(receiver is None or receiver.off for _, receiver in receivers):
        yield "  receives   nothing: nobody can send events until a receiver is on"
    for pipeline in catalog.pipelines.values():
        yield f"  pipeline   {_pipeline(pipeline)}"
    for connector in catalog.connectors.values():
        if connector.windows:
            yield f"  not called {connector.name}: {', '.join(in_words(window) for window in connector.windows)}"
    if not catalog.pipelines:
        yield "  pipeline   none: events are stored, and `nsps replay` routes them once there is one"
    yield where if part == "worker" else f"Listening at {where}"


def _receiver(sender: str, receiver: EspfReceiver | NspsReceiver, url: str) -> str:
    if receiver.off:
        return f"{sender}: off, {receiver.off}"
    return f"POST {url}{receiver.path} {sender}"


def _pipeline(pipeline: Pipeline) -> str:
    if pipeline.off:
        return f"{pipeline.name}: off, {pipeline.off}"
    return f"{pipeline.name}: {', '.join(pipeline.events)}"
