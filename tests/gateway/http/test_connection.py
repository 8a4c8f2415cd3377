"""How connections begin, are watched, and end."""

import socket

import gevent
import pytest
from gevent.event import Event

from gateway.http import HttpLimits
from tests.gateway.serving import DEADLINE, GET, Closing, Serving, answering, listen, post, reading, serving
from tests.waiting import until


def test_the_iterable_is_closed_when_the_client_has_gone():
    def endless():
        while True:
            yield b"x" * 65_536

    response = Closing(endless())
    with serving(answering("200 OK", response)) as server:
        with server.connect() as client:
            client.send(GET)
            client.read(1)
        until(lambda: response.closed == 1)


def test_a_reader_that_does_not_read_is_cut_after_the_send_timeout():
    response = Closing([b"x" * 20_000_000, b""])
    limits = HttpLimits(send_timeout=0.1, min_rate=1_000_000_000)
    with serving(answering("200 OK", response), limits) as server, server.connect() as client:
        client.send(GET)
        until(lambda: response.closed == 1)
        assert len(client.read_to_end()) < 20_000_000


def test_an_idle_connection_is_closed_without_a_word():
    limits = HttpLimits(idle_timeout=0.1)
    with serving(reading, limits) as server, server.connect() as client:
        client.send(GET)
        client.read_answer()
        assert client.is_closed()


def test_a_watched_client_that_leaves_is_noticed_while_nothing_is_sent():
    seen = []

    def application(environ, start):
        connection = environ["stoa.connection"]
        gone = Event()
        connection.watch(gone.set)
        start("200 OK", [])
        yield b"hello"
        seen.append((gone.wait(DEADLINE), connection.is_gone))

    with serving(application) as server:
        with server.connect() as client:
            client.send(GET)
            client.read_until(b"hello\r\n")
        until(lambda: seen == [(True, True)])


def test_pipelined_bytes_are_no_departure_and_are_answered_in_order():
    seen = []

    def application(environ, start):
        start("200 OK", [])
        if environ["PATH_INFO"] == "/next":
            return [b"next"]
        connection = environ["stoa.connection"]
        connection.watch(lambda: seen.append("gone"))
        arrived.set()
        assert go_on.wait(DEADLINE)
        seen.append(connection.is_gone)
        return [b"first"]

    with serving(application) as server, server.connect() as client:
        arrived, go_on = server.call(Event).get(), server.call(Event).get()
        client.send(GET)
        assert server.call(arrived.wait, DEADLINE).get() is True
        client.send(b"GET /next HTTP/1.1\r\nHost: stoa\r\n\r\n")
        server.call(gevent.sleep, 0.05).get()  # the pipelined bytes must have been seen by the watch
        server.call(go_on.set)
        assert [client.read_answer().body, client.read_answer().body] == [b"first", b"next"]
    assert seen == [False]


def test_is_gone_is_answered_without_a_watch():
    seen = []

    def application(environ, start):
        connection = environ["stoa.connection"]
        seen.append(connection.is_gone)
        arrived.set()
        while not connection.is_gone:
            gevent.sleep(0.01)  # a poll of what is under test; the test's deadline bounds it
        seen.append(True)
        return reading(environ, start)

    with serving(application) as server:
        arrived = server.call(Event).get()
        with server.connect() as client:
            client.send(GET)
            server.call(arrived.wait, DEADLINE).get()
        until(lambda: seen == [False, True])


def test_connections_beyond_the_bound_read_503_and_come_in_again_later():
    with serving(reading, HttpLimits(max_connections=1)) as server:
        with server.connect() as first:
            first.send(GET)
            first.read_answer()
            with server.connect() as second:
                answer = second.read_answer()
                assert (answer.status, answer.fields["retry-after"]) == (503, "1")
                assert answer.message
                assert second.is_closed()

        def is_let_in() -> bool:
            with server.connect() as third:
                third.send(GET)
                return third.read_answer().status == 200

        until(is_let_in)


class Held:
    """An application whose responses wait until they are let go."""

    def __init__(self, server: Serving) -> None:
        self.arrived: Event = server.call(Event).get()
        self.go_on: Event = server.call(Event).get()

    def __call__(self, environ, start):
        if environ["PATH_INFO"] == "/held":
            self.arrived.set()
            self.go_on.wait(DEADLINE)
        return reading(environ, start)


def test_a_drain_closes_idle_connections_and_answers_the_others():
    with serving(lambda environ, start: held(environ, start)) as server:
        held = Held(server)
        with server.connect() as idle, server.connect() as busy:
            idle.send(GET)
            idle.read_answer()
            busy.send(post(b"hello", path=b"/held"))
            server.call(held.arrived.wait, DEADLINE).get()
            server.call(server.server.stop_accepting).get()
            number_cut = server.call(server.server.drain, DEADLINE)
            assert idle.is_closed()
            server.call(held.go_on.set)
            answer = busy.read_answer()
            assert (answer.body, answer.fields["connection"]) == (b"hello", "close")
            assert busy.is_closed()
            assert number_cut.get(timeout=DEADLINE) == 0
            with pytest.raises(ConnectionRefusedError):
                server.connect()


def test_a_drain_cuts_what_has_not_ended_in_time():
    response = []

    def application(_environ, start):
        start("200 OK", [])
        try:
            yield b"hello"
            gevent.sleep(DEADLINE)  # longer than the drain: only the cut can end it
        finally:
            response.append("closed")

    with serving(application) as server, server.connect() as client:
        client.send(GET)
        client.read_until(b"hello\r\n")
        assert server.call(server.server.drain, 0.05).get(timeout=DEADLINE) == 1
        assert client.is_closed()
        assert response == ["closed"]


def test_two_servers_share_one_listening_socket():
    listener = listen()
    first = Serving(answering("200 OK", [b"first"]), HttpLimits(), listener.dup())
    second = Serving(answering("200 OK", [b"second"]), HttpLimits(), listener)
    try:
        first.call(first.server.stop_accepting).get()
        with first.connect() as client:
            client.send(GET)
            assert client.read_answer().body == b"second"
    finally:
        first.end()
        second.end()


def test_a_unix_socket_serves_too(tmp_path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "http.sock"))
    listener.listen()
    server = Serving(reading, HttpLimits(), listener)
    try:
        with server.connect() as client:
            client.send(post(b"hello"))
            assert client.read_answer().body == b"hello"
    finally:
        server.end()
