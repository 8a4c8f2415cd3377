"""How an application's response leaves, and what becomes of a failing one."""

import logging

import pytest
from gevent.event import Event

from tests.gateway.serving import DEADLINE, GET, Closing, answering, serving
from tests.waiting import until


def test_one_item_leaves_with_its_head_and_a_content_length():
    with serving(answering("200 OK", [b"hello"], [("X-A", "b")])) as server, server.connect() as client:
        client.send(GET)
        received = client.receive()
    assert received.startswith(b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\nDate: ")
    assert received.endswith(b"\r\n\r\nhello")


def test_each_item_of_a_stream_leaves_at_once():
    def application(_environ, start):
        start("200 OK", [("Content-Type", "text/event-stream")])
        yield b"one"
        assert go_on.wait(DEADLINE)
        yield b""
        yield b"two"

    with serving(application) as server, server.connect() as client:
        go_on = server.call(Event).get()
        client.send(GET)
        assert b"\r\nTransfer-Encoding: chunked\r\n" in client.read_until(b"\r\n\r\n")
        assert client.read_until(b"one\r\n") == b"3\r\none\r\n"
        server.call(go_on.set)
        assert client.read_until(b"0\r\n\r\n") == b"3\r\ntwo\r\n0\r\n\r\n"


def test_a_stream_to_http_1_0_ends_with_the_connection():
    with serving(answering("200 OK", iter([b"one", b"two"]))) as server, server.connect() as client:
        client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        head, _, body = client.read_to_end().partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body == b"onetwo"


def test_http_1_0_is_told_that_it_is_kept_alive():
    with serving(answering("200 OK", [b"hello"])) as server, server.connect() as client:
        client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert client.read_answer().fields["connection"] == "keep-alive"


@pytest.mark.parametrize("items", [[b"hello"], (b"hel", b"lo")])
def test_head_has_the_fields_but_no_body(items):
    with serving(answering("200 OK", items)) as server, server.connect() as client:
        client.send(GET.replace(b"GET", b"HEAD"))
        client.read_answer(has_body=False)
        client.send(GET)
        assert client.read_answer().body == b"hello"


def test_head_is_refused_without_a_body():
    with serving(answering("200 OK", [b""])) as server, server.connect() as client:
        client.send(b"HEAD / HTTP/1.1\r\n\r\n")
        assert client.read_answer(has_body=False).status == 400
        assert client.is_closed()


@pytest.mark.parametrize("items", [[], [b""]])
def test_202_says_that_its_body_is_empty(items):
    with serving(answering("202 Accepted", items)) as server, server.connect() as client:
        client.send(GET)
        answer = client.read_answer()
    assert (answer.status, answer.fields["content-length"]) == (202, "0")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_a_status_without_body_has_no_framing(status):
    with serving(answering(status, [b"ignored"])) as server, server.connect() as client:
        client.send(GET, GET)
        for _ in range(2):
            assert not {"content-length", "transfer-encoding"} & client.read_answer().fields.keys()


def test_a_failure_before_the_response_is_answered_with_500_and_logged(caplog):
    def application(_environ, _start):
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR), serving(application) as server, server.connect() as client:
        client.send(GET)
        answer = client.read_answer()
        assert client.is_closed()
    assert answer.status == 500
    assert b"-32603" in answer.body
    assert "ZeroDivisionError" in caplog.text


def test_a_failure_after_the_first_bytes_cuts_the_connection(caplog):
    def items():
        yield b"one"
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR), serving(answering("200 OK", items())) as server, server.connect() as client:
        client.send(GET)
        assert not client.read_to_end().endswith(b"0\r\n\r\n")
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    "fields", [[("X-A", "b\r\nX-B: c")], [("X-A", "b\n")], [("X-A\r", "b")], [("Content-Length", "4")]]
)
def test_a_response_that_would_break_the_framing_becomes_500(fields, caplog):
    with serving(answering("200 OK", [b"hello"], fields)) as server, server.connect() as client:
        client.send(GET)
        assert client.read_answer().status == 500
    assert "application failed" in caplog.text


@pytest.mark.parametrize("items", [[b"hel", b"l"], [b"hel", b"lol"]])
def test_a_stream_of_another_length_than_declared_is_cut(items, caplog):
    application = answering("200 OK", iter(items), [("Content-Length", "5")])
    with serving(application) as server, server.connect() as client:
        client.send(GET, GET)
        assert client.read_to_end().count(b"HTTP/1.1") == 1
    assert "Content-Length" in caplog.text


def test_a_response_can_be_replaced_only_before_it_has_begun():
    def application(_environ, start):
        start("200 OK", [])
        try:
            raise ZeroDivisionError
        except ZeroDivisionError as error:
            start("418 I'm a Teapot", [], (type(error), error, error.__traceback__))
        return [b"tea"]

    with serving(application) as server, server.connect() as client:
        client.send(GET)
        assert client.read_answer().status == 418


@pytest.mark.parametrize("items", [[b"one"], [b"one", b"two"], []])
def test_the_iterable_is_closed_once_when_it_has_been_sent(items):
    response = Closing(items)
    with serving(answering("200 OK", response)) as server, server.connect() as client:
        client.send(GET)
        client.read_answer()
        until(lambda: response.closed == 1)
