"""A small population for the PortaBilling simulator, as its API would answer it (domain.md 2.4; all values invented)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Record = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Population:
    """Raw records by their ids. Fields whose name begins with `_` never leave the simulator."""

    accounts: dict[int, Record] = field(default_factory=dict)
    cards: dict[int, Record] = field(default_factory=dict)
    policies: dict[int, Record] = field(default_factory=dict)
    products: dict[int, Record] = field(default_factory=dict)
    counters: dict[int, list[Record]] = field(default_factory=dict)
    customers: dict[int, Record] = field(default_factory=dict)


def town() -> Population:
    """Six accounts of three customers, seven SIM cards.

    277147: healthy, with everything. 277148: blocked. 277149: suspended, its policy switched off. 277150: not yet open, no
    SIM card. 277151: closed, its id renamed. 277152: sparse and odd, as old records are (numbers as text, nulls, other flags).
    """
    return Population(
        accounts={record["i_account"]: record for record in _accounts()},
        cards={record["i_sim_card"]: record for record in _cards()},
        policies={record["i_access_policy"]: record for record in _policies()},
        products={record["i_product"]: record for record in _products()},
        counters={277147: [_counter()], 277148: []},
        customers={record["i_customer"]: record for record in _customers()},
    )


def _account(i_account: int, number: str, **more: Any) -> Record:
    return {
        "i_account": i_account,
        "id": f"{number}@msisdn",
        "bill_status": "O",
        "billing_model": 1,
        "blocked": "N",
        "is_active": 1,
        "i_customer": 2500,
        "customer_name": "ACME",
        "i_product": 60,
        "product_name": "Mobile residential",
        "i_account_role": 8,
        "balance": 20.98,
        "credit_limit": None,
        "iso_4217": "USD",
        "time_zone_name": "Pacific/Palau",
        "phone1": "",
        "assigned_addons": [],
        "service_features": [_internet("30")],
        "_service_password": "s3cret",
        **more,
    }


def _internet(*policies: str | None, flag: str | None = "Y") -> Record:
    attributes = [{"name": "access_policy", "values": [None], "effective_values": list(policies)}]
    return {
        "name": "netaccess_policy",
        "flag_value": "~",
        "effective_flag_value": flag,
        "locked": 0,
        "locks": ["user"],
        "attributes": attributes,
    }


def _accounts() -> list[Record]:
    addon = {
        "i_product": 86,
        "name": "Unlimited daily",
        "description": "",
        "addon_priority": 30,
        "addon_effective_from": "2025-05-15 09:34:58",
        "addon_effective_to": None,
        "i_product_group": 7,
        "i_vd_plan": 48,
        "volume_discount_plan_name": "Unlim daily",
        "i_subscription": 96,
    }
    numbers = {
        "name": "clip",
        "effective_flag_value": "7",
        "attributes": [{"name": "numbers", "effective_values": ["a", None, "b"]}],
    }
    return [
        _account(
            277147,
            "15550100042",
            email="jane@example.com",
            assigned_addons=[addon],
            service_features=[numbers, _internet("30")],
        ),
        _account(277148, "15550100043", blocked="Y", service_features=[_internet("31")]),
        _account(277149, "15550100044", bill_status="S", i_customer=2501, service_features=[_internet("30", flag="N")]),
        _account(277150, "15550100045", bill_status="I", service_features=[]),
        _account(277151, "15550100046", bill_status="C", id="15550100046@msisdn-old000"),
        {
            "i_account": 277152,
            "id": "15550100047@msisdn",
            "bill_status": "O",
            "billing_model": "-1",
            "blocked": "N",
            "i_customer": 2502,
            "i_product": 61,
            "service_features": [
                _internet(None),
                {"name": "forward_mode", "effective_flag_value": "", "attributes": None},
            ],
        },
    ]


def _card(i_sim_card: int, i_account: int | None, imsi: str, status: str = "used") -> Record:
    return {
        "i_sim_card": i_sim_card,
        "i_account": i_account,
        "iccid": f"890141032111185{i_sim_card}",
        "imsi": imsi,
        "msisdn": f"155501000{i_account - 277105}" if i_account else None,
        "status": status,
        "ki": "00112233445566778899AABBCCDDEEFF",  # really in the record: our connector must not pass it on
    }


def _cards() -> list[Record]:
    return [
        _card(3701, 277147, "001010000000017"),
        _card(3702, 277148, "001010000000018"),
        _card(3703, 277149, "001010000000019"),
        _card(3704, 277151, "001010000000020", "disposed"),
        _card(3705, 277152, "001010000000021"),
        _card(3706, None, "001010000000022", "available"),
        _card(3707, None, "001010000000023", "available"),
    ]


def _policies() -> list[Record]:
    def attribute(name: str, *values: str | None) -> Record:
        return {"group_name": "lte.wtl", "name": name, "values": list(values)}

    named = [
        attribute("cs_profile", "cs-basic"),
        attribute("eps_profile", "eps-basic"),
        attribute("apns", "internet", None, "ims"),
    ]
    return [
        {"i_access_policy": 30, "name": "LTE default", "attributes": named},
        {
            "i_access_policy": 31,
            "name": "LTE bare",
            "attributes": [attribute("cs_profile", None), attribute("eps_profile", "")],
        },
    ]


def _products() -> list[Record]:
    return [
        {
            "i_product": 60,
            "name": "Mobile residential",
            "description": "",
            "addon_priority": 0,
            "i_vd_plan": None,
            "hidden": "N",
        },
        {"i_product": 61, "name": "Mobile business", "description": "Pool", "addon_priority": 0, "i_vd_plan": 204},
        {"i_product": 86, "name": "Unlimited daily", "description": "", "addon_priority": 30, "i_vd_plan": 48},
    ]


def _counter() -> Record:
    return {
        "service_name": "Internet Access",
        "i_service": 106,
        "vdp_name": "Free 10MB",
        "i_vd_plan": 204,
        "dg_name": "RG100",
        "i_dest_group": 2650,
        "i_vd_dg": 283,
        "addon_priority": 10,
        "discount_info": "0..10 - 100%",
        "unit": "megabyte",
        "allocated_amount": 10,
        "remaining": "10",
    }


def _customers() -> list[Record]:
    return [
        {
            "i_customer": 2500,
            "name": "ACME",
            "bill_status": "O",
            "blocked": "N",
            "companyname": "ACME",
            "iso_4217": "USD",
        },
        {"i_customer": 2501, "name": "Island Foods", "bill_status": "S", "blocked": "N", "email": "it@example.com"},
        {
            "i_customer": 2502,
            "name": "Jane Doe",
            "bill_status": "E",
            "blocked": "Y",
            "firstname": "Jane",
            "lastname": "Doe",
        },
    ]
