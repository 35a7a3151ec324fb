"""Auth kinds that lay the same over every request."""

from __future__ import annotations

from typing import Any

import pytest

from engine.auth import BasicAuth, BearerAuth, HeaderAuth, NoAuth, QueryAuth
from engine.auths import FIXED
from engine.request import HttpRequest

REQUEST = HttpRequest(
    method="GET", path="/", headers=(("authorization", "its own"), ("x-other", "1")), query=(("key", "old"), ("a", "b"))
)
AUTHORIZED = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="  # RFC 7617 §2


@pytest.mark.parametrize(
    ("auth", "headers", "query"),
    [
        (NoAuth(), REQUEST.headers, REQUEST.query),
        (
            BasicAuth(user="Aladdin", password="open sesame"),
            (("x-other", "1"), ("Authorization", AUTHORIZED)),
            REQUEST.query,
        ),
        (
            BasicAuth(user="test", password="123£"),
            (("x-other", "1"), ("Authorization", "Basic dGVzdDoxMjPCow==")),
            REQUEST.query,
        ),
        (BearerAuth(token="t"), (("x-other", "1"), ("Authorization", "Bearer t")), REQUEST.query),
        (HeaderAuth(name="X-Api-Key", value="k"), (*REQUEST.headers, ("X-Api-Key", "k")), REQUEST.query),
        (QueryAuth(params={"key": "new"}), REQUEST.headers, (("a", "b"), ("key", "new"))),
    ],
    ids=["none", "basic", "basic, UTF-8", "bearer", "header", "query"],
)
def test_it_is_laid_over_the_request_in_place_of_what_was_there(auth: Any, headers: Any, query: Any) -> None:
    applied = FIXED[auth.kind](auth, REQUEST)
    assert (applied.headers, applied.query) == (headers, query)
