from __future__ import annotations

import asyncio

import httpx2
import pytest

from engine.simulators.faults import Fault, Faults, fault
from engine.simulators.serve import serving
from engine.simulators.wtl_hss import WtlHss

JANE = {"imsi": "001010000000017", "subscriber_status": "serviceGranted", "msisdn": [], "action": "update"}


async def prov(url: str) -> httpx2.Response:
    async with httpx2.AsyncClient() as client:
        return await client.post(f"{url}/prov", json=JANE, headers={"authorization": "Bearer hss-token"})


async def test_statuses_come_in_the_order_they_were_said_and_then_all_is_well() -> None:
    hss = WtlHss()
    hss.faults.then(503, {"status": 429, "headers": {"Retry-After": "7"}, "body": {"error": "slow down"}})
    async with serving(hss.app) as url:
        answers = [await prov(url) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 429, 200]
    assert answers[1].headers["retry-after"] == "7"
    assert answers[1].json() == {"error": "slow down"}
    assert len(hss.requests) == 1


async def test_a_system_that_is_down_stays_down_until_it_is_cleared() -> None:
    hss = WtlHss()
    hss.faults.until_cleared(503)
    async with serving(hss.app) as url:
        assert [(await prov(url)).status_code for _ in range(3)] == [503, 503, 503]
        hss.faults.clear()
        assert (await prov(url)).status_code == 200


async def test_garbage_is_html_with_http_200() -> None:
    hss = WtlHss()
    hss.faults.then("garbage")
    async with serving(hss.app) as url:
        answer = await prov(url)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html")
    assert hss.subscribers == {}


async def test_a_dropped_connection_did_nothing_and_a_lost_answer_did_it() -> None:
    hss = WtlHss()
    hss.faults.then("drop", "lose")
    async with serving(hss.app) as url:
        for taken in (0, 1):
            with pytest.raises(httpx2.TransportError):
                await prov(url)
            assert len(hss.requests) == taken


async def test_a_truncated_answer_is_shorter_than_it_said() -> None:
    hss = WtlHss()
    hss.faults.then("truncate")
    async with serving(hss.app) as url:
        with pytest.raises(httpx2.RemoteProtocolError):
            await prov(url)
    assert len(hss.requests) == 1


async def hung(hss: WtlHss, url: str) -> asyncio.Task[httpx2.Response]:
    """A request that hangs now."""
    hss.faults.then("hang")
    request = asyncio.create_task(prov(url))
    async with asyncio.timeout(30):
        while not hss.faults.hanging:
            await asyncio.sleep(0.001)
    return request


async def test_a_hung_request_hangs_until_the_client_leaves() -> None:
    hss = WtlHss()
    async with serving(hss.app) as url:
        request = await hung(hss, url)
        request.cancel()
        async with asyncio.timeout(30):
            while hss.faults.hanging:
                await asyncio.sleep(0.001)
    assert hss.requests == []


async def test_a_hung_request_holds_nothing_up_at_the_end() -> None:
    hss = WtlHss()
    async with serving(hss.app) as url:
        request = await hung(hss, url)
    with pytest.raises(httpx2.TransportError):
        await request


async def test_clearing_the_faults_cuts_what_hangs() -> None:
    hss = WtlHss()
    async with serving(hss.app) as url:
        request = await hung(hss, url)
        hss.faults.clear()
        with pytest.raises(httpx2.TransportError):
            await request
        assert (await prov(url)).status_code == 200


async def test_faults_for_a_path_leave_the_others_alone() -> None:
    faults = Faults("/prov")
    faults.then(503)
    assert faults.take("/health") == Fault()
    assert faults.take("/api/prov") == Fault(kind="status", status=503)


async def test_faults_are_said_from_a_shell() -> None:
    hss = WtlHss()
    async with serving(hss.app) as url, httpx2.AsyncClient() as client:
        assert (await client.post(f"{url}/control/faults", json=[503, "garbage"])).json() == {"waiting": 2}
        assert (await prov(url)).status_code == 503
        assert (await client.delete(f"{url}/control/faults")).json() == {"waiting": 0}
        assert (await prov(url)).status_code == 200
        assert (await client.get(f"{url}/control/subscribers")).json().keys() == {JANE["imsi"]}
        assert (await client.post(f"{url}/control/faults", json=["explode"])).status_code == 400


@pytest.mark.parametrize("said", [True, None, 1.5, "explode", {"kind": "explode"}, {"sort": "hang"}])
def test_what_is_no_fault_is_refused_with_words(said: object) -> None:
    with pytest.raises(ValueError, match=r"is no (kind of )?fault"):
        fault(said)
