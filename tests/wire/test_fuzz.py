"""Requests broken at random, read by our server and by h11: what ours accepts, h11 must read alike.

Ours may refuse more. What it may not do is accept a request that another strict reader sees differently.
"""

import random
import socket
import time

import h11
import pytest

from gateway.http import HttpLimits
from tests.gateway.serving import Serving, serving

SECONDS = 2.0  # for each seed; a longer run needs only a larger number

CHUNKED = b"POST /a HTTP/1.1\r\nHost: stoa\r\nTransfer-Encoding: chunked\r\n\r\n"
SEEDS = [
    b"POST /a HTTP/1.1\r\nHost: stoa\r\nContent-Length: 5\r\n\r\nhello",
    b"GET /a?b=c HTTP/1.1\r\nHost: stoa\r\nAccept: */*\r\nX-A: b c\r\n\r\n",
    CHUNKED + b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-T: v\r\n\r\n",
    CHUNKED + b"1\r\na\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: s\r\n\r\n",
    b"POST http://stoa/a HTTP/1.1\r\nHost: stoa\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabcGET /",
    b"POST /a HTTP/1.1\r\nHost: stoa\r\nContent-Length: 2\r\n\r\nhiGET / HTTP/1.1\r\nHost: x\r\n\r\n",
]
PIECES = [
    *(bytes([byte]) for byte in b'\r\n\0 \t:;=,"\\05a+-_\xe9\x7f\x0b\x0c\x85\xa0#?/*@[]'),
    *(b"\r\n\r\n", b"0\r\n\r\n", b"\r\n ", b"0x", b"chunked", b"HTTP/1.1", b"GET ", b"http://", b"Host: stoa\r\n"),
    *(b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"Transfer-Encoding: gzip\r\n", b"Connection: close\r\n", b"Connection: keep-alive\r\n"),
]


def broken(chance: random.Random) -> bytes:
    request = bytearray(chance.choice(SEEDS))
    for _ in range(chance.choice([1, 1, 1, 2, 2, 3, 5])):
        place = chance.randrange(len(request) + 1)
        match chance.randrange(5):
            case 0:
                request[place:place] = chance.choice(PIECES)
            case 1:
                del request[place : place + chance.choice([1, 1, 1, 2, 4, 10])]
            case 2:
                request[place : place + 1] = bytes([chance.randrange(256)])
            case 3:
                request[place : place + 1] = chance.choice(PIECES)
            case _:
                start = chance.randrange(len(request) + 1)
                request[place:place] = request[start : start + 30]
    return bytes(request)


def telling(environ, start):
    body = environ["wsgi.input"].read()
    start("200 OK", [])
    return [f"{environ['REQUEST_METHOD']} {body!r}".encode()]


def read_by_us(server: Serving, sent: bytes) -> list[str]:
    """Method and body of each request that was accepted."""
    with server.connect() as client:
        client.send(sent)
        client.socket.shutdown(socket.SHUT_WR)
        answers = client.read_to_end()
    bodies = [answer.partition(b"\r\n\r\n")[2] for answer in answers.split(b"HTTP/1.1 200 OK\r\n")[1:]]
    return [body.partition(b"HTTP/1.1 ")[0].decode() for body in bodies]


def read_by_h11(sent: bytes) -> list[str]:
    connection = h11.Connection(h11.SERVER)
    accepted: list[str] = []
    method, body = b"", b""
    # h11 refuses the empty lines before a request that RFC 9112 §2.2 asks a server to pass over
    while sent.startswith(b"\r\n"):
        sent = sent[2:]
    connection.receive_data(sent)
    while connection.our_state is not h11.MUST_CLOSE:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            break
        if isinstance(event, h11.Request):
            method, body = event.method, b""
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            accepted.append(f"{method.decode()} {bytes(body)!r}")
            connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
            connection.send(h11.EndOfMessage())
            if connection.our_state is h11.DONE:
                connection.start_next_cycle()
                sent = connection.trailing_data[0]
                while sent.startswith(b"\r\n"):
                    sent = sent[2:]
                connection = h11.Connection(h11.SERVER)
                connection.receive_data(sent)
        else:
            break
    return accepted


@pytest.fixture(scope="module")
def server():
    with serving(telling, HttpLimits(linger_timeout=0.2)) as served:
        yield served


@pytest.mark.parametrize("seed", [1, 2])
def test_what_we_accept_h11_reads_alike(seed: int, server: Serving):
    chance = random.Random(seed)
    end = time.monotonic() + SECONDS
    cases = accepted = 0
    while time.monotonic() < end:
        sent = broken(chance)
        ours = read_by_us(server, sent)
        theirs = read_by_h11(sent)
        assert ours == theirs[: len(ours)], sent
        cases += 1
        accepted += len(ours)
    assert cases > 100
    assert accepted > cases // 10
