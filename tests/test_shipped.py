"""What ships: it loads without a word, and does what the documents say against the simulators, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from engine.authoring.dry_run import DryRun, dry_run_command
from engine.catalog import Catalog
from engine.clock import VirtualClock
from engine.delivery import Ending, Work
from engine.event import Event
from engine.exchange import Exchange
from engine.journey import journey
from engine.keep_memory import MemoryKeep
from engine.loading.load import load_project, open_project
from engine.masking import Masker
from engine.pipeline import Ask
from engine.simulators.portabilling import PortaBilling
from engine.simulators.serve import serving
from engine.simulators.wtl_hss import WtlHss

ROOT = Path(__file__).parent.parent
NOON = datetime(2025, 5, 1, 12, tzinfo=UTC)
PORTABILLING = (
    "account_info",
    "sim_info",
    "prev_sim_info",
    "access_policy_info",
    "product_info",
    "full_vd_counter_info",
    "customer_info",
)


class Service:
    """A connector service written for PortaOne's NSPS: keeps what it is sent, answers as told."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.status, self.answer = 202, b'{"message": "Event accepted for processing"}'

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.requests.append((scope["path"], headers, json.loads((await receive())["body"])))
        await send(
            {"type": "http.response.start", "status": self.status, "headers": [(b"content-type", b"application/json")]}
        )
        await send({"type": "http.response.body", "body": self.answer})


@dataclass
class World:
    """The shipped project between the simulators, with everything but the store."""

    catalog: Catalog
    exchange: Exchange
    billing: PortaBilling
    hss: WtlHss
    service: Service
    clock: VirtualClock
    attempts: int = field(default=0)

    async def attempt(
        self, pipeline: str, event_type: str, asks: tuple[str, ...] | None = None, **variables: Any
    ) -> Ending:
        """One attempt of an event through a pipeline; `asks` in place of what it asks, and then nothing is sent."""
        self.attempts += 1
        flow = self.catalog.pipelines[pipeline]
        if asks is not None:
            flow = replace(
                flow, enrich=tuple(Ask(connector="portabilling", enrichment=name) for name in asks), dispatch=()
            )
        data = {"event_type": event_type, "variables": variables}
        event = Event(
            id="e1", source="espf", received_at=NOON, event_type=event_type, data=data, body=b"", trace_id="a" * 32
        )
        now = self.clock.now()
        work = Work(
            delivery_id=1, event=event, pipeline=flow, catalog=self.catalog, attempt=self.attempts, now=now, seed="s"
        )
        return await journey(work, self.exchange.send, MemoryKeep(1, self.clock.now))

    async def facts(self, *asks: str, event_type: str = "SIM/Updated", **variables: Any) -> Any:
        """pb_data as PortaBilling's answers make it."""
        ending = await self.attempt("nsps-connector", event_type, asks, **variables)
        assert ending.kind == "skipped", ending.reason
        return ending.trace.pb_data


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock = VirtualClock(NOON)
    billing, hss, service = PortaBilling(clock=clock), WtlHss(), Service()
    async with serving(billing.app) as billing_url, serving(hss.app) as hss_url, serving(service.app) as service_url:
        environ = {
            "ESPF_PASSWORD": "espf-password",
            "PORTABILLING_URL": f"{billing_url}/rest",
            "PORTABILLING_LOGIN": "nsps-api",
            "PORTABILLING_TOKEN": "api-token",
            "WTL_API_URL": hss_url,
            "WTL_API_TOKEN": "hss-token",
            "CONNECTOR_URL": f"{service_url}/api/events",
            "CONNECTOR_TOKEN": "connector-token",
        }
        catalog = open_project(ROOT, environ)
        exchange = Exchange(catalog, clock, Masker(), cached=False)
        yield World(catalog=catalog, exchange=exchange, billing=billing, hss=hss, service=service, clock=clock)
        await exchange.close()


def test_the_shipped_project_has_no_problem_and_no_warning() -> None:
    loaded = load_project(ROOT, {}, placeholders=True)
    assert loaded.problems == ()
    assert loaded.catalog is not None
    assert loaded.catalog.pipelines.keys() == {"wtl-hlr-hss", "nsps-connector"}
    assert loaded.catalog.connectors.keys() == {"portabilling", "wtl-hss", "nsps-connector"}


def test_it_starts_with_nothing_set_and_everything_off() -> None:
    catalog = open_project(ROOT, {})
    assert "WTL_API_URL" in (catalog.pipelines["wtl-hlr-hss"].off or "")
    assert "CONNECTOR_URL" in (catalog.pipelines["nsps-connector"].off or "")
    receive = catalog.settings.receive
    assert receive.espf is not None
    assert receive.nsps is not None
    assert "ESPF_PASSWORD" in (receive.espf.off or "")
    assert "API_TOKEN" in (receive.nsps.off or "")


@pytest.mark.parametrize("example", ["sim-updated.json", "envelope.json"])
def test_the_example_events_dry_run(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = DryRun(project=ROOT, event=str(ROOT / "docs" / "examples" / example), pipeline="wtl-hlr-hss")
    assert dry_run_command(asked, {}, "text") == 0
    assert "serviceGranted" in capsys.readouterr().out


def test_every_shipped_yaml_names_its_schema() -> None:
    for file in [ROOT / "nsps.yaml", *(ROOT / "connectors").glob("*.yaml"), *(ROOT / "pipelines").glob("*.yaml")]:
        first = file.read_text(encoding="utf-8").splitlines()[0]
        said = first.removeprefix("# yaml-language-server: $schema=")
        assert (file.parent / said).is_file(), f"{file.name}: {first}"


async def test_a_healthy_account_has_the_documented_blocks(world: World) -> None:
    facts = await world.facts(*PORTABILLING, i_account=277147)
    assert facts["account_info"] == {
        "bill_status": "open",
        "billing_model": "credit_account",
        "blocked": False,
        "email": "jane@example.com",
        "i_account": 277147,
        "i_customer": 2500,
        "i_product": 60,
        "id": "15550100042@msisdn",
        "phone1": "",
        "product_name": "Mobile residential",
        "time_zone_name": "Pacific/Palau",
        "assigned_addons": [
            {
                "addon_effective_from": "2025-05-15T09:34:58",
                "addon_priority": 30,
                "description": "",
                "i_product": 86,
                "i_product_group": 7,
                "i_vd_plan": 48,
                "name": "Unlimited daily",
            }
        ],
        "service_features": [
            {
                "name": "clip",
                "effective_flag_value": "7",
                "attributes": [{"name": "numbers", "effective_value": "a,b"}],
            },
            {
                "name": "netaccess_policy",
                "effective_flag_value": "Y",
                "attributes": [{"name": "access_policy", "effective_value": "30"}],
            },
        ],
    }
    assert facts["sim_info"] == {
        "i_account": 277147,
        "i_sim_card": 3701,
        "iccid": "8901410321111853701",
        "imsi": "001010000000017",
        "msisdn": "15550100042",
        "status": "used",
    }
    assert facts["prev_sim_info"] is None
    assert facts["access_policy_info"] == {
        "i_access_policy": 30,
        "name": "LTE default",
        "attributes": [
            {"group_name": "lte.wtl", "name": "cs_profile", "value": "cs-basic"},
            {"group_name": "lte.wtl", "name": "eps_profile", "value": "eps-basic"},
            {"group_name": "lte.wtl", "name": "apns", "value": "internet,ims"},
        ],
    }
    assert facts["product_info"] == {
        "name": "Mobile residential",
        "description": "",
        "i_product": 60,
        "addon_priority": 0,
    }
    assert facts["full_vd_counter_info"] == world.billing.people.counters[277147]
    assert facts["customer_info"] == {
        "i_customer": 2500,
        "name": "ACME",
        "bill_status": "open",
        "blocked": False,
        "companyname": "ACME",
        "iso_4217": "USD",
    }


async def test_an_odd_old_account_has_them_too(world: World) -> None:
    facts = await world.facts("account_info", "access_policy_info", "customer_info", i_account="277152")
    assert facts["account_info"] == {
        "bill_status": "open",
        "billing_model": "debit_account",
        "blocked": False,
        "i_account": 277152,
        "i_customer": 2502,
        "i_product": 61,
        "id": "15550100047@msisdn",
        "assigned_addons": [],
        "service_features": [
            {"name": "netaccess_policy", "effective_flag_value": "Y", "attributes": [{"name": "access_policy"}]},
            {"name": "forward_mode", "effective_flag_value": "", "attributes": []},
        ],
    }
    assert facts["access_policy_info"] is None
    assert (facts["customer_info"]["bill_status"], facts["customer_info"]["blocked"]) == ("exported", True)


async def test_what_is_not_there_is_null_and_no_error(world: World) -> None:
    facts = await world.facts(*PORTABILLING, i_account=1)
    assert facts == dict.fromkeys(PORTABILLING)


async def test_the_previous_sim_card_is_read_when_the_event_names_it(world: World) -> None:
    facts = await world.facts("prev_sim_info", event_type="SIM/Replaced", i_account=277147, prev_i_sim_card="3706")
    assert facts["prev_sim_info"]["imsi"] == "001010000000022"
    assert "ki" not in facts["prev_sim_info"]


async def test_a_customer_event_needs_no_account(world: World) -> None:
    facts = await world.facts("account_info", "customer_info", event_type="Customer/Updated", i_customer=2501)
    assert facts["account_info"] is None
    assert facts["customer_info"]["bill_status"] == "suspended"


async def test_many_questions_share_one_login(world: World) -> None:
    await world.facts(*PORTABILLING, i_account=277147)
    await world.facts(*PORTABILLING, i_account=277148)
    assert world.billing.sessions.logins == 1


async def test_a_dead_session_is_refreshed_and_a_forgotten_one_logged_in_anew(world: World) -> None:
    await world.facts("account_info", i_account=277147)
    world.billing.sessions.expire()
    assert (await world.facts("account_info", i_account=277147))["account_info"]
    assert (world.billing.sessions.logins, world.billing.sessions.refreshes) == (1, 1)
    world.billing.sessions.forget()
    assert (await world.facts("account_info", i_account=277147))["account_info"]
    assert world.billing.sessions.logins == 2


async def test_a_session_is_renewed_before_it_ends(world: World) -> None:
    await world.facts("account_info", i_account=277147)
    world.billing.sessions.idle_s = 1e9
    world.clock.move_to(NOON + timedelta(hours=47, minutes=30))
    assert (await world.facts("account_info", i_account=277147))["account_info"]
    assert world.billing.sessions.refreshes == 1
    assert [path for path, _ in world.billing.requests].count("Account/get_account_info") == 2


async def test_a_refused_login_holds_the_connector_and_is_not_tried_again(world: World) -> None:
    world.billing.sessions.token = "another"
    for _ in range(3):
        ending = await world.attempt("wtl-hlr-hss", "SIM/Updated", i_account=277147)
        assert ending.kind == "wait"
        assert "PORTABILLING_TOKEN" in ending.reason
        world.clock.move_to(world.clock.now() + timedelta(hours=1))
    assert [path for path, _ in world.billing.requests].count("Session/login") == 1


async def test_a_locked_user_is_waited_for(world: World) -> None:
    world.billing.fault_codes["Session/login"] = "Server.Session.cannot_login_brute_force_activity"
    ending = await world.attempt("wtl-hlr-hss", "SIM/Updated", i_account=277147)
    assert ending.kind in {"retry", "wait"}
    assert "locks this user out" in ending.reason
    world.billing.fault_codes.clear()
    world.clock.move_to(world.clock.now() + timedelta(minutes=11))
    assert (await world.attempt("wtl-hlr-hss", "SIM/Updated", i_account=277147)).kind == "delivered"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("standalone_mode", "retry"),
        ("secondary_site", "retry"),
        ("read_only_mode", "retry"),
        ("pb_delta.connection_failed", "retry"),
        ("Server.Account.anything", "retry"),
        ("anything", "retry"),
        ("Client.Account.anything", "failed"),
    ],
)
async def test_only_a_fault_of_the_request_is_final(world: World, code: str, kind: str) -> None:
    world.billing.fault_codes["Account/get_account_info"] = code
    ending = await world.attempt("wtl-hlr-hss", "SIM/Updated", i_account=277147)
    assert ending.kind == kind
    assert code in ending.reason


@pytest.mark.parametrize("fault", [502, "garbage", "drop", "lose", "truncate"])
async def test_a_broken_portabilling_is_tried_again(world: World, fault: Any) -> None:
    await world.facts("account_info", i_account=277147)
    world.billing.faults.until_cleared(fault)
    assert (await world.attempt("wtl-hlr-hss", "SIM/Updated", i_account=277147)).kind == "retry"


@pytest.mark.parametrize(
    ("i_account", "state"),
    [
        (
            277147,
            {
                "subscriber_status": "serviceGranted",
                "cs_profile": "cs-basic",
                "eps_profile": "eps-basic",
                "msisdn": ["15550100042"],
            },
        ),
        (
            277148,
            {
                "subscriber_status": "operatorDeterminedBarring",
                "cs_profile": "default",
                "eps_profile": "default",
                "msisdn": ["15550100043"],
            },
        ),
        (
            277149,
            {
                "subscriber_status": "operatorDeterminedBarring",
                "cs_profile": "default",
                "eps_profile": "default",
                "msisdn": [],
            },
        ),
        (
            277151,
            {
                "subscriber_status": "operatorDeterminedBarring",
                "cs_profile": "cs-basic",
                "eps_profile": "eps-basic",
                "msisdn": [],
            },
        ),
    ],
)
async def test_the_hss_is_made_to_match_the_account(world: World, i_account: int, state: dict[str, Any]) -> None:
    ending = await world.attempt("wtl-hlr-hss", "SIM/Updated", i_account=i_account)
    assert ending.kind == "delivered", ending.reason
    assert list(world.hss.subscribers.values()) == [state]


async def test_the_body_has_the_documented_order(world: World) -> None:
    await world.attempt("wtl-hlr-hss", "SIM/Updated", i_account=277147)
    assert list(world.hss.requests[0].body) == [
        "imsi",
        "subscriber_status",
        "cs_profile",
        "eps_profile",
        "msisdn",
        "action",
    ]


async def test_an_account_without_a_sim_card_is_skipped(world: World) -> None:
    ending = await world.attempt("wtl-hlr-hss", "SIM/Updated", i_account=277150)
    assert (ending.kind, ending.reason) == ("skipped", "IMSI is empty or not provided")
    assert world.hss.requests == []


@pytest.mark.parametrize("fault", [500, 503, 429, 422, 401, "garbage", "drop", "lose", "truncate"])
async def test_whatever_breaks_at_the_hss_is_tried_again(world: World, fault: Any) -> None:
    world.hss.faults.then(fault)
    assert (await world.attempt("wtl-hlr-hss", "SIM/Updated", i_account=277147)).kind == "retry"
    assert (await world.attempt("wtl-hlr-hss", "SIM/Updated", i_account=277147)).kind == "delivered"


async def test_an_nsps_that_waits_is_told_of_a_404(world: World) -> None:
    world.hss.faults.then(404)
    ending = await world.attempt("wtl-hlr-hss", "SIM/Updated", i_account=277147)
    assert (ending.kind, ending.answer) == ("retry", 404)


async def test_a_connector_service_gets_the_documented_envelope(world: World) -> None:
    ending = await world.attempt("nsps-connector", "SIM/Updated", i_account=277147, i_env=1, i_event="9")
    assert ending.kind == "delivered", ending.reason
    path, headers, body = world.service.requests[0]
    assert path == "/api/events"
    assert headers["authorization"] == "Bearer connector-token"
    assert headers["content-type"].startswith("application/json")
    assert headers["x-b3-traceid"] == "a" * 32
    assert headers["x-request-id"]
    assert list(body) == ["event_id", "data", "pb_data", "handler_id", "created_at", "updated_at", "status"]
    assert body["data"] == {"event_type": "SIM/Updated", "variables": {"i_account": 277147, "i_env": 1, "i_event": "9"}}
    assert body["handler_id"] == "nsps-connector"
    assert body["created_at"] == "2025-05-01T12:00:00.000000+00:00"
    assert body["status"] == "queued"
    assert body["pb_data"].keys() == {
        "account_info",
        "sim_info",
        "access_policy_info",
        "product_info",
        "full_vd_counter_info",
    }


async def test_the_trace_id_stays_and_the_request_id_does_not(world: World) -> None:
    world.service.status = 503
    for _ in range(2):
        assert (await world.attempt("nsps-connector", "SIM/Updated", i_account=277147)).kind == "retry"
    first, second = (headers for _, headers, _ in world.service.requests)
    assert first["x-b3-traceid"] == second["x-b3-traceid"]
    assert first["x-request-id"] != second["x-request-id"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 422, 429, 500, 501, 503])
async def test_no_answer_of_a_connector_service_but_2xx_is_final(world: World, status: int) -> None:
    world.service.status = status
    assert (await world.attempt("nsps-connector", "SIM/Updated", i_account=277147)).kind == "retry"


@pytest.mark.parametrize(
    ("status", "answer"), [(200, b"{}"), (201, b""), (202, b"accepted"), (202, b"<p>ok</p>"), (299, b"null")]
)
async def test_any_2xx_is_done_whatever_its_body(world: World, status: int, answer: bytes) -> None:
    world.service.status, world.service.answer = status, answer
    assert (await world.attempt("nsps-connector", "SIM/Updated", i_account=277147)).kind == "delivered"
