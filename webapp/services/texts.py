"""Texts: what people type, trimmed or refused; and what programs say.

Pure: no I/O, no clock, no settings.
"""

import unicodedata

from common.errors import Invalid


def read_name(text: str, field: str = "name", *, minimum: int = 1, maximum: int = 80) -> str:
    """A line of text with something to see in it, its ends trimmed."""
    name = unicodedata.normalize("NFC", text).strip()
    if not minimum <= len(name) <= maximum:
        raise Invalid(f"The {field} must have {minimum} to {maximum} characters; this one has {len(name)}.", field)
    if not is_plain(name):
        raise Invalid(f"The {field} contains characters that cannot be shown.", field)
    return name


def read_paragraph(text: str, field: str, *, maximum: int) -> str:
    """Text that may be empty and may have several lines."""
    paragraph = unicodedata.normalize("NFC", text).replace("\r\n", "\n").strip()
    if len(paragraph) > maximum:
        raise Invalid(f"The {field} may have {maximum} characters; this one has {len(paragraph)}.", field)
    if not is_plain(paragraph.replace("\n", "").replace("\t", "")):
        raise Invalid(f"The {field} contains characters that cannot be shown.", field)
    return paragraph


def storable(text: str) -> str:
    """Text that a stranger's program made up, as far as PostgreSQL takes it: no NUL and no half of a surrogate pair."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def is_plain(text: str) -> bool:
    """Whether the text has no control, surrogate or direction-changing character."""
    return not any(
        unicodedata.category(character) in ("Cc", "Cs") or unicodedata.bidirectional(character) in _DIRECTIONS
        for character in text
    )


# They make one name look like another.
_DIRECTIONS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
