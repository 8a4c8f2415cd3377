"""The breaker: a server that keeps failing is left alone, and found again as soon as it is back."""

import socket
import threading

import msgspec
import pytest

from tests.threads import at_once
from tests.upstream.servers import ECHO, LOOPBACK, TLS, Upstreams, text_of
from tests.waiting import until
from upstream import fake_faults as faults
from upstream.address import Address
from upstream.breaker import FAULTS_IN_A_ROW
from upstream.client import Upstream
from upstream.fake import FakeUpstream
from upstream.fake_turns import Act
from upstream.faults import UpstreamFault
from upstream.parties import Party
from upstream.target import Target
from upstream.wire import Pool


def code_of(upstream: Upstream) -> str:
    try:
        upstream.call("tools/call", ECHO, timeout=0.2).close()
    except UpstreamFault as fault:
        return fault.code
    return "ok"


def codes_of(upstream: Upstream, count: int) -> list[str]:
    return [code_of(upstream) for _ in range(count)]


UNAVAILABLE: dict[str, Act] = {"reset": faults.reset, "server_error": faults.status(503)}


@pytest.mark.parametrize("code", UNAVAILABLE)
def test_a_server_that_keeps_failing_is_left_alone_for_a_moment(
    code: str, fake: FakeUpstream, upstream_at: Upstreams
) -> None:
    upstream = upstream_at(fake.url)
    upstream.open()
    fake.always("tools/call", UNAVAILABLE[code])
    assert codes_of(upstream, FAULTS_IN_A_ROW + 3) == [code] * FAULTS_IN_A_ROW + ["circuit_open"] * 3
    assert fake.count("tools/call") == FAULTS_IN_A_ROW
    with pytest.raises(UpstreamFault, match=r"failed 5 times in a row .* Try again in 1 s\.") as raised:
        upstream.call("tools/call", ECHO)
    assert (raised.value.retry_after, raised.value.may_have_run) == (1, False)
    with pytest.raises(UpstreamFault, match="in a row"):
        upstream.list_items("tools/list")


def test_a_server_that_is_down_is_found_again_when_it_is_back(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(fake.url)
    upstream.open()
    fake.always("tools/call", faults.reset)
    codes_of(upstream, FAULTS_IN_A_ROW)
    fake.always("tools/call", None)
    until(lambda: code_of(upstream) == "ok", seconds=5)
    assert codes_of(upstream, 10) == ["ok"] * 10


def test_only_one_call_at_a_time_tries_whether_it_is_back(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(fake.url)
    upstream.open()
    fake.always("tools/call", faults.reset)
    codes_of(upstream, FAULTS_IN_A_ROW)
    go_on, codes = threading.Event(), []

    def wait(turn: faults.Turn) -> None:
        go_on.wait(5)
        faults.honest(turn)

    fake.always("tools/call", wait)

    def attempt(number: int) -> None:
        if number:
            until(lambda: fake.count("tools/call") > FAULTS_IN_A_ROW)
            codes.extend(codes_of(upstream, 3))
            go_on.set()
        else:
            until(lambda: code_of_patient(upstream) == "ok")

    at_once(2, attempt)
    assert codes == ["circuit_open"] * 3
    assert fake.count("tools/call") == FAULTS_IN_A_ROW + 1


def code_of_patient(upstream: Upstream) -> str:
    try:
        return "ok" if text_of(upstream.call("tools/call", ECHO, timeout=5).response()) else ""
    except UpstreamFault as fault:
        return fault.code


def test_a_failed_try_doubles_the_rest(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(fake.url)
    upstream.open()
    fake.always("tools/call", faults.reset)
    codes_of(upstream, FAULTS_IN_A_ROW)
    until(lambda: code_of(upstream) == "reset")
    with pytest.raises(UpstreamFault, match="failed 6 times"):
        upstream.call("tools/call", ECHO)
    fake.always("tools/call", None)
    assert code_of(upstream) == "circuit_open"
    until(lambda: code_of(upstream) == "ok", seconds=5)


ANSWERED: dict[str, Act] = {
    "unauthorized": faults.status(401),
    "rate_limited": faults.status(429),
    "not_found": faults.status(404),
    "invalid_json": faults.invalid_json,
    "wrong_id": faults.wrong_id,
    "cut": faults.cut_midway,
    "not_mcp": faults.html,
}


@pytest.mark.parametrize("code", ANSWERED)
def test_a_server_that_answers_badly_is_there(code: str, fake: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(fake.url)
    upstream.open()
    fake.always("tools/call", ANSWERED[code])
    assert codes_of(upstream, FAULTS_IN_A_ROW * 2) == [code] * FAULTS_IN_A_ROW * 2


def test_faults_that_are_not_in_a_row_do_not_count(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(fake.url)
    for _ in range(FAULTS_IN_A_ROW):
        fake.script("tools/call", faults.reset, faults.reset, faults.status(401), faults.reset, faults.honest)
        assert codes_of(upstream, 5) == ["reset", "reset", "unauthorized", "reset", "ok"]


def test_a_server_that_cannot_be_opened_is_left_alone_too(upstream_at: Upstreams) -> None:
    with FakeUpstream() as gone:
        url = gone.url
    assert codes_of(upstream_at(url), 6) == ["refused"] * 5 + ["circuit_open"]


def test_a_server_that_takes_no_connection_is_left_alone_too(fake: FakeUpstream) -> None:
    """As a machine that drops what is sent to it: nothing comes back, not even a refusal."""

    def connect(address: Address, timeout: float) -> socket.socket:
        raise TimeoutError

    upstream = Upstream(Target(fake.url), Pool(LOOPBACK, tls=TLS, connect=connect), "stoa", "1")
    assert codes_of(upstream, 6) == ["timeout"] * 5 + ["circuit_open"]


def test_a_server_that_shakes_no_hands_is_left_alone_too(upstream_at: Upstreams) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        upstream = upstream_at(f"https://127.0.0.1:{silent.getsockname()[1]}/mcp")
        assert codes_of(upstream, 6) == ["timeout"] * 5 + ["circuit_open"]


def test_slow_calls_keep_nobody_from_a_server_that_is_there(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    fake.offer("slow", faults.hang)
    upstream = upstream_at(fake.url)
    upstream.open()

    def call(number: int) -> None:
        if number:
            with pytest.raises(UpstreamFault, match="did not answer in time"):
                upstream.call("tools/call", {"name": msgspec.Raw(b'"slow"')}, timeout=0.3)
        else:
            until(lambda: fake.count("tools/call") > FAULTS_IN_A_ROW)
            codes.extend(codes_of(upstream, 3))

    codes: list[str] = []
    at_once(FAULTS_IN_A_ROW * 2 + 1, call)
    assert codes + codes_of(upstream, 3) == ["ok"] * 6


def test_sessions_that_are_slow_to_open_keep_nobody_from_a_server_that_is_there(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy") as fake:
        upstream = upstream_at(fake.url)
        upstream.open()
        fake.always("initialize", faults.hang)

        def call(_: int) -> None:
            with pytest.raises(UpstreamFault, match="in time"):
                upstream.call("tools/call", ECHO, timeout=0.3, party=Party("slow"))

        at_once(FAULTS_IN_A_ROW * 2, call)
        assert code_of(upstream) == "ok"


def test_a_try_that_gets_no_answer_in_time_closes_nothing(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(fake.url)
    upstream.open()
    fake.always("tools/call", faults.reset)
    codes_of(upstream, FAULTS_IN_A_ROW)
    fake.always("tools/call", faults.hang)
    until(lambda: code_of(upstream) == "timeout")
    assert codes_of(upstream, 2) == ["circuit_open"] * 2
    fake.always("tools/call", None)
    until(lambda: code_of(upstream) == "ok", seconds=5)
