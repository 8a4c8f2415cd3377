"""What an application sees of a request, and how its body reaches it."""

import select

from gateway.http import HttpLimits
from tests.gateway.serving import DEADLINE, GET, answering, post, reading, serving


def test_the_environ_holds_what_wsgi_asks_for():
    seen = {}

    def application(environ, start):
        seen.update(environ)
        seen["body"] = environ["wsgi.input"].read()
        start("200 OK", [])
        return [b""]

    with serving(application) as server, server.connect() as client:
        client.send(post(b"{}", b"Content-Type: application/json", b"X-A:  b \t", path=b"/ws/caf%C3%A9?a=%20b"))
        assert client.read_answer().status == 200
        port = str(server.address[1])
    assert seen["REQUEST_METHOD"] == "POST"
    assert seen["PATH_INFO"].encode("latin-1").decode() == "/ws/café"
    assert seen["QUERY_STRING"] == "a=%20b"
    assert seen["CONTENT_TYPE"] == "application/json"
    assert seen["CONTENT_LENGTH"] == "2"
    assert seen["HTTP_HOST"] == "stoa"
    assert seen["HTTP_X_A"] == "b"
    assert seen["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert (seen["SERVER_NAME"], seen["SERVER_PORT"]) == ("127.0.0.1", port)
    assert seen["REMOTE_ADDR"] == seen["stoa.peer"] == "127.0.0.1"
    assert seen["body"] == b"{}"


def test_a_name_with_an_underscore_is_only_among_the_raw_headers():
    seen = {}

    def application(environ, start):
        seen.update(environ)
        start("200 OK", [])
        return [b""]

    with serving(application) as server, server.connect() as client:
        client.send(
            b"GET / HTTP/1.1\r\nHost: stoa\r\nMcp-Param-my_param: 1\r\nX_Peer: evil\r\nX-A: 1\r\nx-a: 2\r\n\r\n"
        )
        client.read_answer()
    assert seen["stoa.headers"] == [
        (b"Host", b"stoa"),
        (b"Mcp-Param-my_param", b"1"),
        (b"X_Peer", b"evil"),
        (b"X-A", b"1"),
        (b"x-a", b"2"),
    ]
    assert seen["HTTP_X_A"] == "1,2"
    assert not any("PEER" in key or "PARAM" in key for key in seen)


def test_one_request_does_not_see_the_headers_of_the_one_before():
    def application(environ, start):
        start("200 OK", [])
        return [environ.get("HTTP_X_A", "none").encode()]

    with serving(application) as server, server.connect() as client:
        client.send(post(b"", b"X-A: 1"), GET)
        assert [client.read_answer().body, client.read_answer().body] == [b"1", b"none"]


def test_100_continue_is_sent_when_the_application_reads_and_not_before():
    def application(environ, start):
        if environ["PATH_INFO"] == "/refused":
            start("401 Unauthorized", [])
            return [b""]
        return reading(environ, start)

    expecting = b"POST %b HTTP/1.1\r\nHost: stoa\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    with serving(application) as server:
        with server.connect() as client:
            client.send(expecting % b"/")
            assert client.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.send(b"hello", GET)
            assert [client.read_answer().body, client.read_answer().body] == [b"hello", b""]
        with server.connect() as client:
            client.send(expecting % b"/refused")
            answer = client.read_answer()
            assert (answer.status, answer.fields["connection"]) == (401, "close")
            assert client.is_closed()


def test_a_body_can_be_read_in_pieces():
    def application(environ, start):
        start("200 OK", [])
        body = environ["wsgi.input"]
        return [b"|".join([body.read(2), body.read(0), body.read(2), body.read(), body.read()])]

    with serving(application) as server, server.connect() as client:
        client.send(post(b"hello"))
        assert client.read_answer().body == b"he||ll|o|"


def test_a_large_body_arrives_whole_and_the_next_request_is_answered():
    body = bytes(range(256)) * 16_384
    with serving(reading) as server, server.connect() as client:
        client.send(post(body), post(b"next"))
        assert client.read_answer().body == body
        assert client.read_answer().body == b"next"


def test_a_body_that_trickles_below_the_rate_is_refused_with_408():
    limits = HttpLimits(body_timeout=0.1, linger_timeout=0.1)
    with serving(reading, limits) as server, server.connect() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: stoa\r\nContent-Length: 100000\r\n\r\n")
        client.socket.settimeout(0.02)
        received = b""
        for _ in range(500):
            try:
                client.send(b"x")
                received = client.receive()
                break
            except TimeoutError:
                continue
            except ConnectionError:
                break
    assert received.startswith(b"HTTP/1.1 408 ")


def test_a_refused_sender_can_read_why_although_it_goes_on_sending():
    body = b"x" * 900_000
    with serving(answering("401 Unauthorized", [b"no"])) as server, server.connect() as client:
        client.send(post(body))
        assert client.read_answer().body == b"no"
        assert client.is_closed()


def test_bodies_that_arrive_together_have_one_bound():
    """Of two that do not fit beside each other one is refused, whichever is read second; the other arrives."""
    head = b"POST / HTTP/1.1\r\nHost: stoa\r\nContent-Length: 100000\r\n\r\n"
    with serving(reading, HttpLimits(max_arriving=110_000)) as server, server.connect() as a, server.connect() as b:
        a.send(head, b"x" * 90_000)
        b.send(head, b"x" * 90_000)
        answered, _, _ = select.select([a.socket, b.socket], [], [], DEADLINE)
        refused, other = (a, b) if a.socket in answered else (b, a)
        assert refused.read_answer().status == 503
        other.send(b"x" * 10_000)
        assert other.read_answer().status == 200
        other.send(head, b"x" * 100_000)
        assert other.read_answer().status == 200
