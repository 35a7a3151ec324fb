"""Text to JMESPath's syntax tree, by the jmespath library, with positions added and a few laxities taken away.

Each node is a dict {type, children, value?} as jmespath.ast has them, and besides `start` and `end`, offsets in the text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from jmespath import ast, exceptions
from jmespath.lexer import Lexer
from jmespath.parser import Parser

from engine.expressions.hints import hints_for
from engine.expressions.invalid import ExpressionInvalid

Node = dict[str, Any]

MAX_CHARACTERS = 16 * 1024
MAX_NESTING = 50
MAX_DEPTH = 150


def parse(text: str) -> Node:
    """The syntax tree. Raises ExpressionInvalid, with the offset, for what is not JMESPath or too large."""
    if len(text) > MAX_CHARACTERS:
        raise ExpressionInvalid(f"the expression has {len(text):,} characters; at most {MAX_CHARACTERS:,} are allowed")
    if not text.strip():
        raise ExpressionInvalid("the expression is empty", notes=("write null for no value",))
    try:
        node = _Parser().parse_whole(text)
    except exceptions.IncompleteExpressionError as error:
        message = "the expression ends too early: something is missing, such as a closing bracket or a value"
        raise ExpressionInvalid(message, max(0, len(text.rstrip()) - 1), 1, hints_for(text, len(text))) from error
    except exceptions.LexerError as error:
        offset = min(error.lexer_position, len(text) - 1)
        raise ExpressionInvalid(_lexer_message(error), offset, 1, hints_for(text, offset)) from error
    except exceptions.ParseError as error:
        raise _parse_fault(text, error) from error
    except ValueError as error:
        raise ExpressionInvalid(f"not an expression: {error}") from error
    _bounded(node)
    return node


def _lexer_message(error: exceptions.LexerError) -> str:
    if "Unclosed" in error.message:
        return f"{str(error.lexer_value)[:1]} opens here and is never closed"
    if "Bad token" in error.message:
        return "between backticks stands JSON, and this is none"
    return f"{str(error.lexer_value)[:20]} has no meaning in an expression"


def _parse_fault(text: str, error: exceptions.ParseError) -> ExpressionInvalid:
    offset = min(error.lex_position, len(text) - 1)
    value = str(error.token_value)
    kind = str(error.token_type).lower()
    what = f"the number {value}" if kind == "number" else f"`{value}`"
    message = f"{what} cannot stand here"
    if isinstance(error, _Nesting):
        message = f"more than {MAX_NESTING} levels of nesting"
    return ExpressionInvalid(message, offset, len(value), hints_for(text, offset, kind, value))


def _bounded(root: Node) -> None:
    """Raises for a tree too deep to walk by recursion."""
    level, depth = [root], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            start = int(level[0].get("start", 0))
            raise ExpressionInvalid(f"the expression is nested or chained more than {MAX_DEPTH} deep", start)
        level = [_spanned_in(node, child) for node in level for child in node["children"] if isinstance(child, dict)]


def _spanned_in(parent: Node, child: Node) -> Node:
    """The child; what the parser made without a position of its own stands where its parent stands."""
    child.setdefault("start", parent["start"])
    child.setdefault("end", parent["end"])
    return child


class _Nesting(exceptions.ParseError):
    """Brackets within brackets past the limit."""


class _Lexer(Lexer):
    """JMESPath's tokens with right ends; a literal must be JSON (the library would still guess text)."""

    if TYPE_CHECKING:
        _position: int
        _expression: str

        def _consume_until(self, delimiter: str) -> str: ...

    def tokens(self, text: str) -> list[Node]:
        found: list[Node] = [dict(token) for token in self._read(text)]
        for token, following in pairwise(found):
            token["end"] = len(text[: following["start"]].rstrip(" \t\r\n"))
        return found

    def _read(self, text: str) -> Iterator[Any]:
        return iter(self.tokenize(text))

    def _consume_literal(self) -> Node:
        start = self._position
        lexeme = self._consume_until("`").replace("\\`", "`")
        try:
            value = json.loads(lexeme, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise exceptions.LexerError(start, self._expression[start:], f"Bad token {lexeme}") from error
        return {"type": "literal", "value": value, "start": start, "end": start}


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class _Parser(Parser):
    """The library's parser, which notes positions, bounds nesting and wants its commas."""

    if TYPE_CHECKING:
        _tokens: list[Node]
        _index: int

        def _current_token(self) -> str: ...
        def _lookahead_token(self, number: int) -> Node: ...
        def _advance(self) -> None: ...
        def _match(self, token_type: str) -> None: ...
        def _error_nud_token(self, token: Node) -> None: ...
        def _error_led_token(self, token: Node) -> None: ...
        def _match_multiple_tokens(self, token_types: list[str]) -> None: ...

    _nesting = 0

    def parse_whole(self, text: str) -> Node:
        """The tree of the whole text; what is left over is an error."""
        self._tokens = _Lexer().tokens(text)
        self._index = 0
        node = self._expression(0)
        if self._current_token() != "eof":
            raise self._unexpected(self._lookahead_token(0))
        return node

    def _expression(self, binding_power: int = 0) -> Node:
        token = self._lookahead_token(0)
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise _Nesting(token["start"], token["value"], token["type"])
        self._advance()
        nud = getattr(self, f"_token_nud_{token['type']}", self._error_nud_token)
        left = self._spanned(nud(token), token["start"])
        while binding_power < self.BINDING_POWER[self._current_token()]:
            following = self._lookahead_token(0)
            led = getattr(self, f"_token_led_{following['type']}", None)
            if led is None:
                raise self._unexpected(following)
            self._advance()
            left = self._spanned(led(left), left["start"], following["start"])
        self._nesting -= 1
        return left

    def _spanned(self, node: Any, start: int, operator: int | None = None) -> Node:
        found: Node = node
        found.setdefault("start", start)
        found.setdefault("at", start if operator is None else operator)
        found["end"] = self._tokens[self._index - 1]["end"]
        return found

    def _unexpected(self, token: Node) -> exceptions.ParseError:
        return exceptions.ParseError(token["start"], token["value"], token["type"])

    def _token_nud_quoted_identifier(self, token: Node) -> Node:
        if self._current_token() == "lparen":
            raise self._unexpected(token)
        return {**ast.field(token["value"]), "quoted": True}

    def _token_nud_lparen(self, _token: Node) -> Node:
        node = self._expression()
        self._match("rparen")
        kept = {key: value for key, value in node.items() if key not in ("start", "at")}
        return {**kept, "grouped": True}  # and its place is that of the brackets

    def _token_led_lparen(self, left: Node) -> Node:
        if left["type"] != "field" or left.get("grouped"):
            raise self._unexpected(self._lookahead_token(-1))
        arguments: list[Any] = []
        while self._current_token() != "rparen":
            if arguments:
                self._match("comma")
            arguments.append(self._expression())
        self._match("rparen")
        return dict(ast.function_expression(left["value"], arguments))

    def _token_led_dot(self, left: Node) -> Node:
        # A group keeps its own node: the library would append to it and lose where the group ended.
        dot = getattr(super(), "_token_led_dot")  # noqa: B009  (not in the library's stubs)
        return dict(dot({"type": "subexpression", "children": [left]} if left.get("grouped") else left))

    def _parse_index_expression(self) -> Node:
        start = self._lookahead_token(-1)["start"]
        parse_index = getattr(super(), "_parse_index_expression")  # noqa: B009  (not in the library's stubs)
        return self._spanned(parse_index(), start)

    def _parse_multi_select_hash(self) -> Node:
        pairs: list[Any] = []
        while True:
            name = self._lookahead_token(0)
            self._match_multiple_tokens(["quoted_identifier", "unquoted_identifier"])
            self._match("colon")
            value: Any = self._expression(0)
            pairs.append(self._spanned(ast.key_val_pair(key_name=name["value"], node=value), name["start"]))
            if self._current_token() == "rbrace":
                self._advance()
                return dict(ast.multi_select_dict(nodes=pairs))
            self._match("comma")
