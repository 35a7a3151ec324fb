from __future__ import annotations

from base64 import b64encode

import pytest

from engine.receiving.credentials import EspfCredentials, NspsCredentials
from engine.settings import Credential, CustomCredential, EspfAuth, NspsAuth


def basic(user: str, password: str, charset: str = "utf-8") -> bytes:
    return b"Basic " + b64encode(f"{user}:{password}".encode(charset))


TWO_PAIRS = EspfCredentials(
    EspfAuth(basic=(Credential(user="espf", password="old"), Credential(user="espf", password="né:w")))
)
CUSTOM = EspfCredentials(EspfAuth(custom=(CustomCredential(scheme="Token", value="s3cret"),), header="X-Espf-Auth"))


@pytest.mark.parametrize(
    "value",
    [
        basic("espf", "old"),
        basic("espf", "né:w"),
        basic("espf", "né:w", "latin-1"),
        b"bASIC " + basic("espf", "old")[6:],
    ],
)
def test_each_of_several_basic_pairs_is_accepted(value: bytes) -> None:
    assert TWO_PAIRS.accept([(b"authorization", value)])


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Basic",
        b"Basic ",
        b"Basic !!!!",
        b"Basic " + b"A" * 100_000,
        b"Basic " + b64encode(b"espf"),
        basic("espf", "ol"),
        basic("", ""),
        basic("espf", "old") + b" x",
        b"Bearer " + basic("espf", "old")[6:],
        b"\xff\xfe\x00",
    ],
)
def test_anything_else_is_not(value: bytes) -> None:
    assert not TWO_PAIRS.accept([(b"authorization", value)])


def test_no_header_and_two_headers_are_refused() -> None:
    good = (b"authorization", basic("espf", "old"))
    assert not TWO_PAIRS.accept([])
    assert not TWO_PAIRS.accept([good, good])


def test_base64_without_its_padding_is_understood() -> None:
    assert TWO_PAIRS.accept([(b"authorization", basic("espf", "old").rstrip(b"="))])


def test_the_custom_method_compares_two_words_literally_in_the_header_it_names() -> None:
    assert CUSTOM.accept([(b"x-espf-auth", b"Token s3cret")])
    assert not CUSTOM.accept([(b"authorization", b"Token s3cret")])
    assert not CUSTOM.accept([(b"x-espf-auth", b"token s3cret")])
    assert not CUSTOM.accept([(b"x-espf-auth", b"Token s3cre")])


def test_nothing_configured_accepts_nothing() -> None:
    assert not EspfCredentials(EspfAuth()).accept([(b"authorization", basic("", ""))])
    assert not NspsCredentials(NspsAuth(bearer=())).accept([(b"authorization", b"Bearer ")])


def test_each_of_several_bearer_tokens_is_accepted_whatever_the_case_of_the_scheme() -> None:
    tokens = NspsCredentials(NspsAuth(bearer=("one", "two")))
    assert tokens.accept([(b"authorization", b"Bearer one")])
    assert tokens.accept([(b"authorization", b"bearer two")])
    assert not tokens.accept([(b"authorization", b"Bearer three")])
    assert not tokens.accept([(b"authorization", b"Basic one")])
