"""Streams hear what they want and nothing else; what waits for a slow reader neither grows nor is lost."""

from typing import Any

import gevent
import pytest

from gateway import open_streams
from gateway.exchange import Exchange
from gateway.open_streams import MAX_WAITING, MAX_WAITING_BYTES, OpenStream, OpenStreams, lineage
from gateway.places import Place
from gateway.protocol.subscriptions import CHANGES, Wants, render_change, render_ended, render_updated
from upstream.sse import render_comment, render_event

HERE, THERE = Place("demo", "prod"), Place("demo", "test")
TOOLS = "tools/list"


def a_stream(
    streams: OpenStreams, *uris: str, lists: Any = CHANGES, place: Place = HERE, id: bytes = b"1", nonce: str = ""
) -> OpenStream:
    exchange = Exchange({}, 0, "0-boot-1")
    exchange.slug, exchange.digest, exchange.mcp_session_id = "demo", b"d", "s"
    stream = OpenStream(place, exchange, Wants(frozenset(lists), uris), subscription=id, nonce=nonce)
    streams.open(stream)
    return stream


def test_a_change_is_told_where_it_happened_to_those_who_want_it():
    streams = OpenStreams()
    wanting, other = a_stream(streams), a_stream(streams, lists=["prompts/list"])
    elsewhere = a_stream(streams, place=THERE)
    streams.tell_change(HERE, TOOLS)
    for stream in (wanting, other, elsewhere):
        stream.end()
    assert wanting.take() == render_event(render_change(TOOLS, b"1"))
    assert other.take() == elsewhere.take() == b""


def test_what_waits_already_is_not_queued_again():
    streams = OpenStreams()
    stream = a_stream(streams, "a")
    for _ in range(1000):
        streams.tell_change(HERE, TOOLS)
        streams.tell_updated(HERE, "a")
    assert stream.take() == render_event(render_change(TOOLS, b"1")) + render_event(render_updated("a", b"1"))
    streams.tell_change(HERE, TOOLS)
    assert stream.take() == render_event(render_change(TOOLS, b"1"))


def test_a_reader_that_is_too_slow_is_told_no_more_than_there_is_room_for():
    stream = a_stream(OpenStreams())
    taken = [stream.offer(b"%d" % number) for number in range(MAX_WAITING + 5)]
    assert taken.count(False) == 5
    assert stream.offer(b"0")  # it waits already
    stream.take()
    assert stream.offer(b"again")
    assert not stream.offer(b"x" * MAX_WAITING_BYTES)


def test_a_resource_s_change_is_told_to_those_who_want_it_or_what_it_is_a_part_of():
    streams = OpenStreams()
    exact, folder = a_stream(streams, "file:///a/b"), a_stream(streams, "file:///a/")
    other = a_stream(streams, "file:///a/bc")
    streams.tell_updated(HERE, "file:///a/b")
    streams.tell_updated(HERE, "file:///ab")
    for stream in (exact, folder, other):
        stream.end()
    assert exact.take() == folder.take() == render_event(render_updated("file:///a/b", b"1"))
    assert other.take() == b""


def test_a_uri_of_very_many_parts_is_taken_whole():
    assert lineage("a/b") == ["a/b", "a", "a/"]
    assert lineage("/" * 1000) == ["/" * 1000]


def test_wants_can_change_while_the_stream_is_open():
    streams = OpenStreams()
    stream = a_stream(streams, "a", "b")
    streams.want(stream, ["b", "c"])
    assert streams.wanted_uris(HERE) == {"b", "c"}
    streams.tell_updated(HERE, "a")
    streams.close(stream)
    assert stream.take() == b""
    assert streams.wanted_uris(HERE) == frozenset()
    streams.want(stream, ["d"])
    assert streams.wanted_uris(HERE) == frozenset()


def test_whoever_waits_is_woken_by_an_event_and_by_the_end():
    stream = a_stream(OpenStreams())
    waiting = gevent.spawn(stream.take)
    gevent.sleep(0)
    assert not waiting.ready()
    stream.offer(b"x")
    assert waiting.get(timeout=5) == b"x"
    waiting = gevent.spawn(stream.take)
    gevent.sleep(0)
    stream.end(b"last")
    stream.end(b"never")
    assert waiting.get(timeout=5) == b"last"
    assert not stream.offer(b"y")
    assert stream.take() == b""


def test_a_wait_that_is_interrupted_leaves_nothing_behind():
    stream = a_stream(OpenStreams())
    waiting = gevent.spawn(stream.take)
    gevent.sleep(0)
    waiting.kill()
    stream.offer(b"x")
    assert stream.take() == b"x"


def test_a_session_has_one_stream_the_newest():
    streams = OpenStreams()
    older = a_stream(streams, id=b"", nonce="1")
    newer = a_stream(streams, id=b"", nonce="2")
    late = a_stream(streams, id=b"", nonce="0")
    assert streams.of_session("demo", b"d", "s") is newer
    assert (older.offer(b"x"), newer.offer(b"x"), late.offer(b"x")) == (False, True, False)
    streams.close(older)
    assert streams.of_session("demo", b"d", "s") is newer
    streams.close(newer)
    assert streams.of_session("demo", b"d", "s") is None


def test_all_streams_end_with_the_process_also_those_that_come_too_late():
    streams = OpenStreams()
    modern, legacy = a_stream(streams), a_stream(streams, id=b"", nonce="1")
    streams.finish_all()
    assert modern.take() == a_stream(streams).take() == render_event(render_ended(b"1"))
    assert legacy.take() == b""


def test_a_place_without_streams_is_forgotten():
    streams = OpenStreams()
    stream = a_stream(streams)
    assert (streams.has(HERE), streams.count(HERE), streams.has(THERE)) == (True, 1, False)
    streams.close(stream)
    streams.close(stream)
    assert (streams.has(HERE), streams.places(), streams.of_place(HERE)) == (False, [], [])


def test_each_stream_has_its_turn():
    streams = OpenStreams()
    three = [a_stream(streams) for _ in range(3)]
    turns = [stream for _ in range(3) for stream in streams.take_turns(HERE, 2)]
    assert turns == [*three, *three]
    assert streams.take_turns(HERE, 10) == three


def test_a_quiet_stream_is_kept_alive(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(open_streams, "BEAT_SECONDS", 0.01)
    monkeypatch.setattr(open_streams, "KEEP_ALIVE_SECONDS", 0.1)
    streams = OpenStreams()
    stream = a_stream(streams)
    keeping = gevent.spawn(streams.keep_alive)
    assert gevent.spawn(stream.take).get(timeout=5) == render_comment()
    keeping.kill()
