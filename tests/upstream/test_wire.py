"""Lanes: kept connections, requests that are sent once, TLS, limits."""

import contextlib
import socket
import threading
import time
from pathlib import Path

import pytest

from common.clock import monotonic
from tests.threads import at_once
from tests.upstream.servers import ECHO, LOOPBACK, TLS, Upstreams, certificate, text_of
from tests.waiting import until
from upstream import fake_faults as faults
from upstream.address import Address, Addresses
from upstream.client import Upstream
from upstream.connection import WireLimits
from upstream.fake import FakeUpstream
from upstream.fake_turns import Turn
from upstream.faults import UpstreamFault
from upstream.target import Target
from upstream.wire import Pool, dial

PAYLOAD = b"POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


def call(upstream: Upstream) -> str:
    return text_of(upstream.call("tools/call", ECHO).response())


def test_a_kept_connection_that_the_server_closed_is_replaced(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(fake.url)
    call(upstream)
    fake.drop_connections()
    until(lambda: not fake.open_connections)
    assert call(upstream) == '{"text":"hi"}'
    assert (fake.connections, fake.count("tools/call")) == (2, 2)


def test_bytes_that_nobody_asked_for_end_a_kept_connection(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    forged = b'HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n{"id":"s1","result":"evil"}'
    was_read, was_forged = threading.Event(), threading.Event()

    def act(turn: Turn) -> None:
        turn.respond(result={"content": [{"text": "first"}]})
        was_read.wait(5)
        turn.write(forged)
        was_forged.set()

    fake.script("tools/call", act)
    upstream = upstream_at(fake.url)
    assert call(upstream) == "first"
    was_read.set()
    was_forged.wait(5)
    assert call(upstream) == '{"text":"hi"}'
    assert fake.connections == 2


def test_bytes_after_the_answer_in_one_packet_end_the_connection(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    def act(turn: Turn) -> None:
        body = b'{"jsonrpc":"2.0","id":"%b","result":{}}' % turn.request.message["id"].encode()
        turn.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body) * 2)

    fake.script("tools/call", act)
    upstream = upstream_at(fake.url)
    assert bytes(upstream.call("tools/call", ECHO).response()["result"]) == b"{}"
    assert call(upstream) == '{"text":"hi"}'
    assert fake.connections == 2


@pytest.mark.parametrize("act", [faults.close, faults.reset])
def test_a_call_on_a_kept_connection_is_never_sent_twice(fake: FakeUpstream, act, upstream_at: Upstreams) -> None:
    upstream = upstream_at(fake.url)
    call(upstream)
    fake.script("tools/call", act)
    with pytest.raises(UpstreamFault) as raised:
        call(upstream)
    assert (raised.value.code, raised.value.may_have_run) == ("reset", True)
    assert fake.count("tools/call") == 2


def test_connection_close_is_honoured(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    def act(turn: Turn) -> None:
        body = b'{"jsonrpc":"2.0","id":"%b","result":{}}' % turn.request.message["id"].encode()
        turn.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    fake.script("tools/call", act)
    upstream = upstream_at(fake.url)
    assert "result" in upstream.call("tools/call", ECHO).response()
    assert call(upstream) == '{"text":"hi"}'
    assert fake.connections == 2


def test_an_answer_that_ends_with_its_connection_is_whole(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    def act(turn: Turn) -> None:
        body = b'{"jsonrpc":"2.0","id":"%b","result":{}}' % turn.request.message["id"].encode()
        turn.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + body)
        turn.end()

    fake.script("tools/call", act)
    assert "result" in upstream_at(fake.url).call("tools/call", ECHO).response()


def test_informational_answers_are_skipped(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    def act(turn: Turn) -> None:
        turn.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nContent-Type: text/html\r\n\r\n")
        turn.respond(result={})

    fake.script("tools/call", act)
    assert "result" in upstream_at(fake.url).call("tools/call", ECHO).response()


@pytest.mark.parametrize("piece", [b"1;ext=" + b"y" * 2000 + b"\r\nx\r\n", b"1\r\nx\r\n"])
def test_framing_may_not_outgrow_what_it_frames(fake: FakeUpstream, piece: bytes, upstream_at: Upstreams) -> None:
    def act(turn: Turn) -> None:
        turn.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not turn.server.closing.is_set():
            turn.write(piece * 30)

    fake.script("tools/call", act)
    upstream = upstream_at(fake.url, limits=WireLimits(head_bytes=4096, body_bytes=65536))
    with pytest.raises(UpstreamFault) as raised:
        call(upstream)
    assert raised.value.code == "too_large"


def test_no_more_connections_than_allowed_are_open(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    fake.always("tools/call", faults.hang)
    upstream = upstream_at(fake.url, limits=WireLimits(open_connections=2))
    upstream.open()
    codes: list[str] = []

    def attempt(_: int) -> None:
        with pytest.raises(UpstreamFault) as raised:
            upstream.call("tools/call", ECHO, timeout=0.4)
        codes.append(raised.value.code)

    at_once(4, attempt)
    assert sorted(codes) == ["rate_limited", "rate_limited", "timeout", "timeout"]
    fake.always("tools/call", None)

    def has_a_place() -> bool:
        with contextlib.suppress(UpstreamFault):  # a legacy server is still being told of the calls given up
            return call(upstream) == '{"text":"hi"}'
        return False

    until(has_a_place)


def test_idle_connections_are_closed_after_their_time(fake: FakeUpstream) -> None:
    pool = Pool(LOOPBACK, tls=TLS, limits=WireLimits(idle_seconds=0.05))
    upstream = Upstream(Target(fake.url), pool, "stoa", "1")
    call(upstream)
    assert fake.open_connections == 1
    until(lambda: pool.sweep() or not fake.open_connections)
    assert call(upstream) == '{"text":"hi"}'
    upstream.close()


def test_a_closed_upstream_keeps_no_connection(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(fake.url)
    call(upstream)
    upstream.close()
    until(lambda: not fake.open_connections)


def test_each_address_gets_its_share_of_the_time_to_connect(fake: FakeUpstream) -> None:
    tried: list[tuple[str, float]] = []

    def connect(address: Address, timeout: float) -> socket.socket:
        tried.append((str(address.sockaddr[0]), timeout))
        if address.sockaddr[0] != "127.0.0.1":
            raise TimeoutError
        return dial(address, timeout)

    addresses = Addresses(
        lambda host, port: [(socket.AF_INET, text) for text in ("127.0.0.3", "127.0.0.2", "127.0.0.1")],
        private=LOOPBACK._private,
    )
    target = Target(f"http://many.test:{fake.port}/mcp", connect_timeout=3)
    upstream = Upstream(target, Pool(addresses, tls=TLS, connect=connect), "stoa", "1")
    upstream.open()
    upstream.close()
    assert [address for address, _ in tried] == ["127.0.0.3", "127.0.0.2", "127.0.0.1"]
    assert tried[0][1] == pytest.approx(1, abs=0.1)
    assert fake.requests[0].headers["host"] == f"many.test:{fake.port}"


def test_a_lane_is_asked_in_plain_http(fake: FakeUpstream) -> None:
    lane = Pool(LOOPBACK, tls=TLS).lane(Target(fake.url))
    connection = lane.ask(PAYLOAD, monotonic() + 2)
    assert connection.status == 400
    connection.read(monotonic() + 2)
    lane.close()


class TestTls:
    def test_a_server_with_a_trusted_certificate_is_called(self, tmp_path: Path, upstream_at: Upstreams) -> None:
        server, client = certificate(tmp_path, "127.0.0.1")
        with FakeUpstream("legacy", tls=server, streams=True) as fake:
            upstream = upstream_at(fake.url, tls=client)
            for _ in range(3):
                assert call(upstream) == '{"text":"hi"}'
            assert fake.connections == 1, "the connection is kept, session tickets or not"
            fake.drop_connections()
            until(lambda: not fake.open_connections)
            assert call(upstream) == '{"text":"hi"}'

    def test_a_large_body_passes_both_ways(self, tmp_path: Path, upstream_at: Upstreams) -> None:
        server, client = certificate(tmp_path, "127.0.0.1")
        with FakeUpstream("modern", tls=server) as fake:
            arguments = b'{"text":"' + b"x" * 2_000_000 + b'"}'
            params = {**ECHO, "arguments": type(ECHO["name"])(arguments)}
            reply = upstream_at(fake.url, tls=client).call("tools/call", params)
            assert text_of(reply.response()) == arguments.decode()

    @pytest.mark.parametrize(
        ("names", "expired", "is_trusted"),
        [(["other.example"], False, True), (["127.0.0.1"], True, True), (["127.0.0.1"], False, False)],
        ids=["another name", "expired", "unknown issuer"],
    )
    def test_a_certificate_that_does_not_fit_is_refused(
        self, tmp_path: Path, names: list[str], expired: bool, is_trusted: bool, upstream_at: Upstreams
    ) -> None:
        server, client = certificate(tmp_path, *names, expired=expired)
        with FakeUpstream(tls=server) as fake:
            with pytest.raises(UpstreamFault, match="cannot be trusted") as raised:
                upstream_at(fake.url, tls=client if is_trusted else TLS).open()
            assert raised.value.code == "tls"
            assert fake.requests == []

    def test_the_name_is_verified_though_the_address_is_connected(self, tmp_path: Path) -> None:
        server, client = certificate(tmp_path, "mcp.test")
        with FakeUpstream(tls=server) as fake:
            addresses = Addresses(lambda host, port: [(socket.AF_INET, "127.0.0.1")], private=LOOPBACK._private)
            upstream = Upstream(Target(f"https://mcp.test:{fake.port}/mcp"), Pool(addresses, tls=client), "stoa", "1")
            assert upstream.open().name == "fake"
            upstream.close()

    def test_a_plain_server_is_no_tls_server(self, fake: FakeUpstream, upstream_at: Upstreams) -> None:
        with pytest.raises(UpstreamFault) as raised:
            upstream_at(fake.url.replace("http:", "https:")).open(1)
        assert raised.value.code in ("tls", "timeout")

    def test_a_handshake_that_hangs_ends_in_time(self, upstream_at: Upstreams) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            began = time.monotonic()
            with pytest.raises(UpstreamFault) as raised:
                upstream_at(f"https://127.0.0.1:{listener.getsockname()[1]}/").open(0.2)
            assert raised.value.code == "timeout"
            assert time.monotonic() - began < 1

    def test_a_trickle_of_records_ends_in_time(self, tmp_path: Path, upstream_at: Upstreams) -> None:
        server, client = certificate(tmp_path, "127.0.0.1")
        with FakeUpstream("modern", tls=server) as fake:
            fake.script("tools/call", faults.trickle)
            upstream = upstream_at(fake.url, tls=client)
            upstream.open()
            began = time.monotonic()
            with pytest.raises(UpstreamFault) as raised:
                upstream.call("tools/call", ECHO, timeout=0.3)
            assert raised.value.code == "timeout"
            assert time.monotonic() - began < 1
