"""What SIM inventories and logins answer in fields of their own is never kept."""

from __future__ import annotations

import json

import pytest

from engine.masking import Masker


@pytest.mark.parametrize(
    "name", ["ki", "KI", "Ki", "opc", "OPc", "adm1", "pin1", "puk2", "password", "access_token", "encrypted_ki"]
)
def test_a_secret_field_is_masked_whatever_it_holds(name: str) -> None:
    written = Masker().dumps({"body": {"card_list": [{"imsi": "001010000000017", name: "0011223344556677"}]}})
    assert json.loads(written) == {"body": {"card_list": [{"imsi": "001010000000017", name: "***"}]}}


@pytest.mark.parametrize("value", [None, "", 0, [], {}])
def test_an_empty_one_stays_for_it_tells_what_is_missing(value: object) -> None:
    assert json.loads(Masker().dumps({"ki": value})) == {"ki": value}


@pytest.mark.parametrize("name", ["kind", "skipin", "pincode_required", "monkey", "i_account"])
def test_a_field_that_only_looks_like_one_is_told(name: str) -> None:
    assert json.loads(Masker().dumps({name: "told"})) == {name: "told"}
