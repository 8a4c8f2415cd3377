"""The grammar of header fields, and their names in a WSGI environ.

Rule: RFC 9110 §5 to the letter; every pattern is one pass, possessive, without backtracking. Does no I/O.
"""

import re

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
VALUE = rb"[\t\x20-\x7e\x80-\xff]*+"

TRAILERS = re.compile(rb"(?:%b:%b\r\n)*+\r\n" % (TOKEN, VALUE))
EMPTY_LINES = re.compile(rb"(?:\r\n)++")
HOST = re.compile(r"(?:[A-Za-z0-9.\-_~!$&'()*+,;=%]++|\[[0-9A-Fa-f:.]++\])(?::[0-9]{0,5})?")

# What unfinished lines may not hold already: a control character, a bare CR, a bare LF.
STRAY_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?=[^\n])")


class EnvironKeys(dict[bytes, str | None]):
    """From a field's name, as it was spelled, to its environ key; None for a name with `_`.

    A name with `_` would become the key of its twin with `-`, and so pass for a field that a proxy has checked.
    """

    _BOUND = 1024  # clients use a few dozen spellings; an inventive one must not fill the memory

    def __missing__(self, name: bytes) -> str | None:
        key = None
        if b"_" not in name:
            key = name.decode("ascii").upper().replace("-", "_")
            if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                key = "HTTP_" + key
        if len(self) < self._BOUND:
            self[name] = key
        return key


environ_keys = EnvironKeys()
