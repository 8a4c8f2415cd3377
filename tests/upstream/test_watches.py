"""Watches: what a server says of its own accord, in both eras, and how such a stream ends."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.upstream.servers import ECHO, Upstreams, certificate
from tests.waiting import until
from upstream import fake_faults as faults
from upstream.client import Upstream
from upstream.connection import WireLimits
from upstream.fake import FakeUpstream
from upstream.fake_talk import ROOTS
from upstream.faults import UpstreamFault
from upstream.parties import NOBODY, Party
from upstream.watches import Watch

CLIENT = Party("c", b'{"roots":{}}')
A, B = "file:///a", "file:///b"


class Heard:
    """What a watch says, read in a thread of its own."""

    def __init__(self, watch: Watch):
        self.watch = watch
        self.messages: list[dict[str, Any]] = []
        self.fault: UpstreamFault | None = None
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        try:
            for message in self.watch.messages():
                self.messages.append({key: json.loads(bytes(raw)) for key, raw in message.items()})
        except UpstreamFault as fault:
            self.fault = fault

    @property
    def methods(self) -> list[str]:
        return [message["method"] for message in self.messages]

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def close(self) -> None:
        self.watch.close()
        self._thread.join(5)
        assert self.is_over


@pytest.fixture(params=["modern", "legacy"])
def live(request: pytest.FixtureRequest) -> Iterator[FakeUpstream]:
    with FakeUpstream(request.param, live=True) as server:
        yield server


@pytest.mark.parametrize("kind", ["tools", "prompts", "resources"])
def test_a_change_of_a_list_is_heard(kind: str, live: FakeUpstream, upstream_at: Upstreams) -> None:
    heard = Heard(upstream_at(live.url).watch())
    until(lambda: live.live.change(kind))
    until(lambda: heard.methods == [f"notifications/{kind}/list_changed"])
    heard.close()
    until(lambda: not live.live.open)


def test_a_resource_is_heard_of_by_whoever_asked_for_it(live: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(live.url)
    heard, other = Heard(upstream.watch(frozenset({A}))), Heard(upstream.watch())
    until(lambda: len(live.live.open) == 2)
    live.live.update(B)
    live.live.update(A)
    until(lambda: heard.methods == ["notifications/resources/updated"])
    assert heard.messages[0]["params"]["uri"] == A
    assert other.methods == []
    heard.close()
    other.close()


def test_a_new_watch_is_open_before_the_old_one_is_closed(live: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(live.url)
    old = Heard(upstream.watch(frozenset({A})))
    new = Heard(upstream.watch(frozenset({A, B})))
    old.close()
    until(lambda: len(live.live.open) == 1)
    live.live.update(B)
    until(lambda: new.messages)
    new.close()
    assert (old.fault, new.fault) == (None, None)


def test_a_legacy_watch_has_a_session_of_its_own_and_ends_it(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy", live=True) as fake:
        upstream = upstream_at(fake.url)
        upstream.call("tools/call", ECHO).close()
        watch = upstream.watch()
        assert fake.opened == {"session-1": {}, "session-2": {}}
        watch.close()
        watch.close()
        assert fake.ended == ["session-2"]


def test_a_server_that_claims_to_tell_of_nothing_is_not_asked(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(fake.url)
    with pytest.raises(UpstreamFault) as raised:
        upstream.watch(frozenset({A}))
    assert raised.value.code == "no_stream"
    assert fake.count("GET") + fake.count("subscriptions/listen") == 0
    until(lambda: fake.sessions <= {"session-1"})


@pytest.mark.parametrize("answer", [404, 405, 400, 406])
def test_a_server_without_such_a_stream_says_so(answer: int, live: FakeUpstream, upstream_at: Upstreams) -> None:
    live.keeps_sessions = False
    for method in ("GET", "subscriptions/listen"):
        live.always(method, lambda turn: turn.refuse(answer, -32601, "no such method"))
    with pytest.raises(UpstreamFault) as raised:
        upstream_at(live.url).watch()
    assert raised.value.code == "no_stream"


@pytest.mark.parametrize(("act", "code"), [(faults.status(401), "unauthorized"), (faults.status(503), "server_error")])
def test_trouble_is_told_as_that_trouble_in_the_legacy_era(act: faults.Act, code: str, upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy", live=True) as fake:
        fake.always("GET", act)
        with pytest.raises(UpstreamFault) as raised:
            upstream_at(fake.url).watch()
        assert raised.value.code == code
        until(lambda: fake.ended == ["session-2"])


def test_a_server_that_ends_the_stream_ends_the_watch(live: FakeUpstream, upstream_at: Upstreams) -> None:
    heard = Heard(upstream_at(live.url).watch())
    until(lambda: live.live.open)
    live.live.end()
    until(lambda: heard.is_over)
    assert (heard.fault, heard.messages) == (None, [])
    heard.close()


def test_a_stream_that_is_cut_is_a_fault(live: FakeUpstream, upstream_at: Upstreams) -> None:
    heard = Heard(upstream_at(live.url).watch())
    until(lambda: live.live.open)
    live.drop_connections()
    until(lambda: heard.is_over)
    assert heard.fault is not None
    assert heard.fault.code == "cut"
    heard.close()


def test_a_watch_that_was_not_read_is_closed_all_the_same(live: FakeUpstream, upstream_at: Upstreams) -> None:
    watch = upstream_at(live.url).watch()
    watch.close()
    assert list(watch.messages()) == []
    until(lambda: not live.live.open)


def test_a_ping_is_answered_and_not_passed_on(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy", live=True) as fake:
        heard = Heard(upstream_at(fake.url).watch())
        until(lambda: fake.live.open)
        assert fake.live.ask(fake.live.open[0].session or "", "ping", {}) == {"result": {}}
        heard.close()
        assert heard.messages == []


def test_a_party_s_own_stream_is_followed_and_its_questions_answered(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy", live=True) as fake:
        upstream = upstream_at(fake.url)
        watch = upstream.follow(CLIENT)
        assert fake.opened == {"session-1": {"roots": {}}}
        answers: list[dict[str, Any]] = []
        until(lambda: fake.live.open)
        asking = threading.Thread(target=lambda: answers.append(fake.live.ask("session-1", *ROOTS[:2])))
        asking.start()
        message = next(watch.messages())
        watch.answer(message["id"], {"result": msgspec.Raw(b'{"roots":[]}')})
        asking.join(5)
        assert answers == [{"result": {"roots": []}}]
        assert upstream.is_held()
        watch.close()
        assert fake.sessions == {"session-1"}, "it is the party's, not the watch's"


def test_following_a_session_that_the_server_forgot_opens_another(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy", live=True) as fake:
        upstream = upstream_at(fake.url)
        upstream.call("tools/call", ECHO, party=CLIENT).close()
        fake.forget_sessions()
        heard = Heard(upstream.follow(CLIENT))
        until(lambda: fake.live.change("tools"))
        until(lambda: heard.messages)
        heard.close()
        assert list(fake.opened) == ["session-1", "session-2"]


def test_a_modern_server_has_no_session_to_follow(upstream_at: Upstreams) -> None:
    with FakeUpstream("modern", live=True) as fake:
        with pytest.raises(UpstreamFault) as raised:
            upstream_at(fake.url).follow(NOBODY)
        assert raised.value.code == "no_stream"


def test_a_modern_server_that_takes_a_subscription_back_ends_the_watch(upstream_at: Upstreams) -> None:
    with FakeUpstream("modern", live=True) as fake:
        heard = Heard(upstream_at(fake.url).watch())
        until(lambda: fake.live.open)
        stream = fake.live.open[0]
        stream.say("notifications/cancelled", {"requestId": stream.turn.request.message["id"]})
        until(lambda: heard.is_over)
        assert (heard.fault, heard.messages) == (None, [])
        heard.close()


def test_a_server_may_agree_to_less_than_was_wanted_but_has_to_agree(upstream_at: Upstreams) -> None:
    def agree_to_nothing(turn: faults.Turn) -> None:
        turn.begin_stream()
        turn.write_message({"method": "notifications/subscriptions/acknowledged", "params": {"notifications": {}}})
        turn.wait()

    def refuse(turn: faults.Turn) -> None:
        turn.begin_stream()
        turn.write_message({"id": turn.request.message["id"], "error": {"code": -32603, "message": "full"}})
        turn.end_stream()

    with FakeUpstream("modern", live=True) as fake:
        fake.script("subscriptions/listen", agree_to_nothing, refuse)
        upstream = upstream_at(fake.url)
        upstream.watch(frozenset({A})).close()
        with pytest.raises(UpstreamFault) as raised:
            upstream.watch(frozenset({A}))
        assert raised.value.code == "no_stream"


def test_a_resource_that_a_legacy_server_does_not_know_keeps_nobody_from_the_others(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy", live=True) as fake:
        fake.script("resources/subscribe", lambda turn: turn.refuse(200, -32002, "no such resource"))
        upstream_at(fake.url).watch(frozenset({A, B})).close()
        assert fake.count("resources/subscribe") == 2


def test_a_server_that_does_not_open_the_stream_in_time_is_a_fault(live: FakeUpstream, upstream_at: Upstreams) -> None:
    for method in ("GET", "subscriptions/listen"):
        live.always(method, faults.hang)
    with pytest.raises(UpstreamFault) as raised:
        upstream_at(live.url).watch(timeout=0.3)
    assert raised.value.code == "timeout"


def test_a_watch_over_tls_is_closed_from_beside(tmp_path: Any, upstream_at: Upstreams) -> None:
    server, client = certificate(tmp_path, "127.0.0.1")
    with FakeUpstream("modern", live=True, tls=server) as fake:
        heard = Heard(upstream_at(fake.url, tls=client).watch())
        until(lambda: fake.live.change("tools"))
        until(lambda: heard.messages)
        heard.close()
        assert heard.fault is None


def test_a_silent_watch_outlasts_every_timeout_of_a_call(live: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(live.url, timeout=0.2)
    heard = Heard(upstream.watch(timeout=0.3))
    silence = threading.Event()
    assert not silence.wait(0.7)
    live.live.change("tools")
    until(lambda: heard.messages)
    heard.close()


def test_however_many_streams_are_open_calls_have_connections_of_their_own(
    live: FakeUpstream, upstream_at: Upstreams
) -> None:
    upstream = upstream_at(live.url, limits=WireLimits(open_connections=2))
    watches = [upstream.watch() for _ in range(2)]
    with pytest.raises(UpstreamFault) as raised:
        upstream.watch()
    assert raised.value.code == "rate_limited"
    upstream.call("tools/call", ECHO).close()
    for watch in watches:
        watch.close()
    upstream.watch().close()


def test_breaking_off_leaves_no_connection_open(live: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream: Upstream = upstream_at(live.url)
    for _ in range(3):
        upstream.watch(frozenset({A})).close()
    until(lambda: live.open_connections <= 1)
