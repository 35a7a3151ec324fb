"""What the compilers of expressions and templates raise, and what a function raises while it runs."""

from __future__ import annotations

from engine.errors import NspsError


class TextInvalid(NspsError):
    """The text of an expression or template is wrong.

    `offset` counts characters from 0 in that text; `length` is how many the caret underlines; `notes` say what to write.
    """

    def __init__(self, message: str, offset: int = 0, length: int = 1, notes: tuple[str, ...] = ()) -> None:
        self.message = message
        self.offset = offset
        self.length = max(1, length)
        self.notes = notes
        super().__init__(message)


class ExpressionInvalid(TextInvalid):
    """Not a JMESPath expression of ours: syntax, an unknown function, a wrong number or kind of arguments."""


class TemplateInvalid(TextInvalid):
    """Not a Jinja2 template of ours: syntax, an unknown filter or test, or something templates may not do."""


class FunctionFailed(NspsError):
    """A function refuses its arguments. Turned into OursFailed, with the place, by the expression or template."""
