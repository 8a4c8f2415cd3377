"""The wire cases of tests/wire, played against the real server."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.http import HttpLimits
from tests.gateway.serving import Serving, serving

CASES = sorted((Path(__file__).parents[1] / "wire").glob("*.http"))
LIMITS = HttpLimits(head_timeout=0.4, body_timeout=0.4, linger_timeout=0.2)


def echo(environ, start):
    if environ["PATH_INFO"] == "/deaf":
        start("401 Unauthorized", [])
        return [b""]
    body = environ["wsgi.input"].read()
    start("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} ".encode("latin-1") + body]


@dataclass
class Case:
    sent: bytes = b""
    expected: list[tuple[int, bytes | None]] = field(default_factory=list)
    end: str = ""


def parse_case(text: str) -> Case:
    case = Case()
    for line in text.splitlines():
        sign, _, rest = line.partition(" ")
        match sign:
            case "" | "#":
                pass
            case ">":
                case.sent += unescape(rest) + b"\r\n"
            case ">|":
                case.sent += unescape(rest)
            case "<":
                status, _, body = rest.partition(" ")
                case.expected.append((int(status), unescape(body) if body else None))
            case "=":
                case.end = rest
            case _:
                raise ValueError(f"What does this line mean? {line}")
    assert case.expected
    assert case.end in ("open", "closed")
    return case


def unescape(text: str) -> bytes:
    repeated = re.sub(r"\{(\d+)\*(.+?)\}", lambda match: match[2] * int(match[1]), text)
    return repeated.encode("ascii").decode("unicode_escape").encode("latin-1")


@pytest.fixture(scope="module")
def server():
    with serving(echo, LIMITS) as served:
        yield served


def at_once(sent: bytes) -> list[bytes]:
    return [sent]


def byte_by_byte(sent: bytes) -> list[bytes]:
    """The first kilobyte in single bytes; what is longer would only take longer."""
    return [*(sent[at : at + 1] for at in range(min(len(sent), 1000))), sent[1000:]]


@pytest.mark.parametrize("cut", [at_once, byte_by_byte])
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_server_answers_as_the_wire_case_says(path: Path, cut: Callable[[bytes], list[bytes]], server: Serving):
    case = parse_case(path.read_text(encoding="ascii"))
    with server.connect() as client:
        for piece in cut(case.sent):
            client.send(piece)
        for status, body in case.expected:
            answer = client.read_answer()
            assert answer.status == status, answer.body
            if body is not None:
                assert answer.body == body
            elif status >= 402 or status == 400:
                assert answer.message.endswith(".")
        if case.end == "closed":
            assert client.is_closed()
        else:
            client.send(b"GET /still-there HTTP/1.1\r\nHost: stoa\r\n\r\n")
            assert client.read_answer().body == b"GET /still-there "


def test_the_wire_cases_are_numbered_without_repetition():
    numbers = [path.name[:3] for path in CASES]
    assert numbers
    assert all(number.isdigit() for number in numbers)
    assert len(set(numbers)) == len(numbers)
