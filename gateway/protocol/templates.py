"""URI templates (RFC 6570), read just far enough to say whose a URI is.

Rule: pure, and linear in the URI: templates come from servers that nobody here vouches for, so no regular expression
is made of them, and what is longer than anybody needs stands for nothing. A plain expression stands for something
without a slash; one with an operator for anything.
"""

import re
from dataclasses import dataclass
from typing import Self

_EXPRESSION = re.compile(r"\{([^{}]?)[^{}]*\}")
_OPERATORS = frozenset("+#./;?&")

# Each URI that nobody lists is held against all templates: these bounds keep that short.
MAX_LENGTH = 2048
MAX_EXPRESSIONS = 32


@dataclass(frozen=True, slots=True)
class Template:
    """`literals` surround the expressions, one more of them; `is_plain` says of each expression which sort it is."""

    literals: tuple[str, ...]
    is_plain: tuple[bool, ...]

    @classmethod
    def parse(cls, template: str) -> Self | None:
        """None for one that is too long, or has too many expressions."""
        if len(template) > MAX_LENGTH:
            return None
        # split() gives literal, first character of the expression, literal, …, literal.
        parts = _EXPRESSION.split(template)
        if len(parts) // 2 > MAX_EXPRESSIONS:
            return None
        return cls(tuple(parts[::2]), tuple(first not in _OPERATORS for first in parts[1::2]))

    def fits(self, uri: str) -> bool:
        """Whether the template may stand for this URI; each expression takes as little as it can."""
        first, *rest = self.literals
        if not uri.startswith(first):
            return False
        at = len(first)
        for number, (literal, is_plain) in enumerate(zip(rest, self.is_plain, strict=True), start=1):
            begin = at + 1 if is_plain else at
            is_last = number == len(rest)
            end = (len(uri) - len(literal) if uri.endswith(literal) else -1) if is_last else uri.find(literal, begin)
            if end < begin or (is_plain and "/" in uri[at:end]):
                return False
            at = end + len(literal)
        return at == len(uri)
