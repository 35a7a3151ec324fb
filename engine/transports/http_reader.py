"""The reading of answers, one after another, as llhttp takes them apart: where each ends, and what is too much of it."""

from __future__ import annotations

from typing import Literal

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from engine.request import Fault
from engine.transports.http_answer import KEPT_OF_BROKEN, Answer, headers_from, too_large
from engine.transports.http_faults import why_lost

MOST_HEAD_BYTES = 64 * 1024
MOST_HEADERS = 100
MOST_FRAMING = 16  # bytes of chunk sizes, extensions and trailers for each of the body

# What follows the head of an answer: as its headers say; nothing, the request was HEAD; another protocol, if it is a 2xx.
Follows = Literal["body", "nothing", "tunnel"]


class AnswerReader:
    """Reads what comes from `where`. `lasting`: behind the answer nothing came, and another may follow it."""

    def __init__(self, where: str) -> None:
        self.lasting = False
        self.received = 0  # bytes of the present answer, but for those that ended it
        self._where = where
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        # As most clients do (RFC 9112 §2.2); nothing is read into an answer that way, each is one of one request.
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True)

    def begin(self, limit: int, follows: Follows) -> None:
        """What comes now is an answer, whose body has at most `limit` bytes."""
        self._limit, self._follows = limit, follows
        self._status = self._size = self.received = 0
        self._complete = self.lasting = False
        self._fault: Fault | None = None
        self._detail = ""
        self._lines: list[tuple[bytes, bytes]] = []
        self._headers: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._odd: bytes | None = None  # how it begins, where that is not as usual

    def feed(self, data: bytes) -> bool:
        """Whether the answer ends with these bytes: whole, or with a fault."""
        if self._parser is None:
            return False
        if not self.received and not data.startswith(b"HTTP/1."):
            self._odd = data.lstrip()[:5]
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self._complete and not self._fault:
                self._unlike_http(error)
            self.lasting = False
        if not self._complete and not self._fault:
            self.received += len(data)
            self._bound()
        return self._complete or self._fault is not None

    def ends_with_the_connection(self) -> bool:
        """Whether the answer is whole if nothing more comes (RFC 9112 §6.3, 8)."""
        chunked = self._headers.get("transfer-encoding", "").lower().endswith("chunked")
        return bool(self._status) and not chunked and "content-length" not in self._headers

    def fail(self, fault: Fault, detail: str) -> None:
        """The answer ends here."""
        self._fault, self._detail, self.lasting = fault, detail, False

    def answer(self) -> Answer:
        """As much as there is."""
        pieces = self._pieces
        content = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return Answer(self._status or None, self._headers, content, self._fault, self._detail)

    def close(self) -> None:
        """Nothing more comes. The parser knows its reader: they would keep each other."""
        self._parser = None

    def _unlike_http(self, error: Exception) -> None:
        self._fault = "lost"
        if self._headers:
            self._detail = why_lost(error, self._where)
        else:
            self._detail = f"what {self._where} answered is not HTTP: {error}"

    def _bound(self) -> None:
        """Ends an answer that is larger than may be, or says that it will be."""
        if self.received > MOST_HEAD_BYTES + MOST_FRAMING * self._size:
            self._fault = "unreadable"
            what = "chunks and trailers" if self._status else "headers"
            self._detail = f"the {what} of {self._where}'s answer are too large"
        elif int(self._headers.get("content-length", 0)) > self._limit:
            self._over()

    # --- what the parser tells ------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """An answer begins; behind the one that was asked for, it is one too many."""
        if self._complete:
            self.lasting = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head, or of the trailers, which nobody asked for (RFC 9110 §6.5.1)."""
        self._lines.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if (parser := self._parser) is None:
            return
        status = parser.get_status_code()
        if self._complete or 102 <= status < 200 or status == 100:
            return
        self._headers = headers_from(self._lines[:MOST_HEADERS])
        if len(self._lines) > MOST_HEADERS:
            self._fault = "unreadable"
            self._detail = f"the headers of {self._where}'s answer are too large"
        elif status == 101:
            self._fault = "lost"
            self._detail = f"{self._where} changed to another protocol, which was not asked for"
        elif status < 100 or (self._odd is not None and self._is_other(parser)):
            self._fault, status = "lost", 0
            self._detail = f"what {self._where} answered is not HTTP/1.1"
        elif self._headers.get("transfer-encoding", "chunked").lower() not in ("chunked", "identity"):
            self._fault = "unreadable"
            packing = self._headers["transfer-encoding"]
            self._detail = f"the answer of {self._where} cannot be unpacked: {packing} was not asked for"
        self._status, self._lines = status, []
        if self._follows != "body":
            self._complete = True  # the parser, which does not know the request, waits for a body

    def _is_other(self, parser: HttpResponseParser) -> bool:
        return not b"HTTP/".startswith(self._odd or b"") or parser.get_http_version() not in ("1.0", "1.1")

    def on_body(self, data: bytes) -> None:
        """A part of the body, its chunks taken off."""
        if self._complete or self._fault:
            self.lasting = False
            return
        self._size += len(data)
        self._pieces.append(data)
        if self._size > self._limit:
            self._over()

    def _over(self) -> None:
        self._fault, self._detail = "unreadable", too_large(self._limit)
        self._pieces = [b"".join(self._pieces)[:KEPT_OF_BROKEN]]

    def on_message_complete(self) -> None:
        """The answer is whole, or an interim one that goes before it (RFC 9110 §15.2)."""
        if not self._status:
            self._lines = []
        elif not self._complete and self._parser is not None:
            self._complete = True
            self.lasting = self._parser.should_keep_alive()
