"""Everything `nsps demo` is made of: a project from the shipped files, the simulators, and NSPS itself, on loopback ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from engine.library import shipped
from engine.management.desk import Desk, open_desk
from engine.run import running
from engine.simulators.espf import EspfSender
from engine.simulators.portabilling import PortaBilling
from engine.simulators.serve import serving
from engine.simulators.wtl_hss import WtlHss

PIPELINE = "wtl-hlr-hss"
RETRY = """retry: demo
retries:
  demo:  # a story must not take minutes; what ships begins at 5 s
    main: {first: 400ms, factor: 2, max: 5s, for: 10m}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSystem:
    """The running parts. `url` is where NSPS listens; `desk` looks into its store."""

    folder: Path
    billing: PortaBilling
    hss: WtlHss
    billing_url: str
    hss_url: str
    url: str
    desk: Desk


@asynccontextmanager
async def demo_system(folder: Path) -> AsyncIterator[DemoSystem]:
    """The system, running until the block ends; its project and its store are in `folder`."""
    billing, hss = PortaBilling(), WtlHss()
    async with serving(billing.app) as billing_url, serving(hss.app) as hss_url:
        write_project(folder)
        environ = environment(billing, hss, billing_url, hss_url)
        async with (
            running(folder, environ, port=0) as url,
            open_desk(folder, environ) as desk,
            sending(billing.espf, url),
        ):
            yield DemoSystem(
                folder=folder, billing=billing, hss=hss, billing_url=billing_url, hss_url=hss_url, url=url, desk=desk
            )


def write_project(folder: Path) -> None:
    """The shipped nsps.yaml with a quicker retry policy, and the shipped WTL pipeline with its tests."""
    settings = shipped("nsps.yaml").read_text(encoding="utf-8")
    if "\nretry: standard\n" not in settings:
        raise ValueError("the shipped nsps.yaml has no line `retry: standard` for the demo to replace")
    (folder / "nsps.yaml").write_text(settings.replace("retry: standard\n", RETRY, 1), encoding="utf-8")
    (folder / "pipelines").mkdir()
    for name in (f"{PIPELINE}.yaml", f"{PIPELINE}.test.yaml"):
        (folder / "pipelines" / name).write_bytes((shipped("pipelines") / name).read_bytes())


def environment(billing: PortaBilling, hss: WtlHss, billing_url: str, hss_url: str) -> Mapping[str, str]:
    """What a deployment sets, pointed at the simulators."""
    user, password = billing.espf.credentials
    return {
        "ESPF_USER": user,
        "ESPF_PASSWORD": password,
        "PORTABILLING_URL": f"{billing_url}/rest",
        "PORTABILLING_LOGIN": billing.sessions.login,
        "PORTABILLING_TOKEN": billing.sessions.token,
        "WTL_API_URL": hss_url,
        "WTL_API_TOKEN": hss.token,
    }


@asynccontextmanager
async def sending(espf: EspfSender, url: str) -> AsyncIterator[None]:
    """PortaBilling's EventSender posts to NSPS until the block ends."""
    espf.url = f"{url}/espf"
    task = asyncio.create_task(espf.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
