"""The bytes of a reply, read as `reply:` says."""

from __future__ import annotations

import pytest

from engine.reading import read


@pytest.mark.parametrize("kind", ["json", "xml", "text"])
@pytest.mark.parametrize("content", [b"", b" \r\n"])
def test_nothing_is_null(kind, content):
    reading = read(content, kind)
    assert (reading.body, reading.problem) == (None, None)


def test_integers_keep_every_digit():
    digits = 893100000000000000012345678901
    assert read(b'{"iccid": %d, "n": 18446744073709551616}' % digits, "json").body == {"iccid": digits, "n": 2**64}


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "{'a': 1}", "<html></html>", '{"a": 1', "\x00", "[1]x"])
def test_what_is_no_json_is_a_problem_and_keeps_its_text(text):
    reading = read(text.encode(), "json", "text/html; charset=utf-8")
    assert reading.body is None
    assert reading.text == text
    assert reading.problem is not None
    assert reading.problem.startswith("the body is not JSON (text/html): ")


@pytest.mark.parametrize("long_number", ["", '"n": 12345678901234567890123, '])
def test_not_a_number_is_a_problem_whichever_reader_meets_it(long_number):
    assert read(f'{{{long_number}"x": NaN}}'.encode(), "json").problem


@pytest.mark.parametrize("content", [b"[" * 100_000, b"[" * 100_000 + b"1234567890123456789", b"9" * 10_000])
def test_a_hostile_json_is_a_problem_not_a_crash(content):
    assert read(content, "json").problem


def test_a_byte_order_mark_is_no_part_of_the_json():
    assert read(b'\xef\xbb\xbf{"a": 1}', "json").body == {"a": 1}


def test_the_declared_charset_is_used_and_an_unknown_one_is_utf_8():
    assert read('{"name": "Åsa"}'.encode("latin-1"), "json", "application/json; charset=ISO-8859-1").body == {
        "name": "Åsa"
    }
    assert read("Åsa".encode(), "text", "text/plain; charset=klingon").body == "Åsa"


def test_bytes_that_are_no_text_are_a_problem():
    assert read(b'{"a": "\xff"}', "json").problem


SOAP = b"""<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:h="urn:hlr">
  <s:Body><h:getResponse version="2">
    <h:imsi> 001010000000001 </h:imsi>
    <h:service h:id="a">on</h:service>
    <h:service id="b"/>
    <h:empty/>
  </h:getResponse></s:Body>
</s:Envelope>"""


def test_xml_becomes_objects_by_local_name():
    assert read(SOAP, "xml").body == {
        "Envelope": {
            "Body": {
                "getResponse": {
                    "@version": "2",
                    "imsi": "001010000000001",
                    "service": [{"@id": "a", "#text": "on"}, {"@id": "b"}],
                    "empty": None,
                }
            }
        }
    }


def test_xml_reads_the_encoding_it_declares():
    assert read('<?xml version="1.0" encoding="ISO-8859-1"?><a>Åsa</a>'.encode("latin-1"), "xml").body == {"a": "Åsa"}


LAUGHS = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><l>&b;</l>'
FILE = b'<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><l>&a;</l>'
REMOTE = b'<!DOCTYPE l SYSTEM "http://127.0.0.1:1/x.dtd"><l/>'


@pytest.mark.parametrize("content", [LAUGHS, FILE, REMOTE, b"<!DOCTYPE html><html></html>"])
def test_a_document_type_is_refused_with_all_its_entities(content):
    reading = read(content, "xml")
    assert reading.body is None
    assert reading.problem is not None
    assert "document type" in reading.problem


@pytest.mark.parametrize("content", [b"<a>", b"<a></b>", b'{"a": 1}', b"<a>&nope;</a>", b"<a>" * 5000, b"<a/><b/>"])
def test_what_is_no_xml_is_a_problem(content):
    assert read(content, "xml").problem
