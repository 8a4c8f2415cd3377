"""Server-sent events: any split of the bytes gives the same events."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upstream.sse import Event, EventReader, EventTooLarge, render_comment, render_event

STREAM = (
    b"\xef\xbb\xbf: hello\r\n\r\nevent: message\ndata: one\n\n"
    b"id: 7\rdata:two\rdata: lines\r\r"
    b"data\n\nretry: 10\r\nunknown: x\r\ndata:  spaced: colon\r\n\r\nid: 8\ndata:\n\nevent: lost\n\ndata: unended"
)
EVENTS = [
    Event(b"one", b"message"),
    Event(b"two\nlines", b"", b"7"),
    Event(b""),
    Event(b" spaced: colon"),
    Event(b"", b"", b"8"),
]


def read(pieces: list[bytes], max_bytes: int = 1000) -> list[Event]:
    reader = EventReader(max_bytes)
    return [event for piece in pieces for event in reader.parse_piece(piece)]


def test_a_stream_is_read_as_the_standard_says() -> None:
    assert read([STREAM]) == EVENTS


def test_byte_by_byte_it_is_the_same() -> None:
    assert read([bytes([byte]) for byte in STREAM]) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_however_it_is_split_it_is_the_same(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    assert read([STREAM[a:b] for a, b in pairwise(edges)]) == EVENTS


@given(st.text(), st.sampled_from([b"", b"message"]), st.sampled_from([None, b"7"]))
def test_what_is_rendered_is_read_back(text: str, name: bytes, event_id: bytes | None) -> None:
    payload = text.encode().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert read([render_comment(b"x") + render_event(payload, name, event_id)]) == [Event(payload, name, event_id)]


def test_an_event_arrives_with_its_last_byte() -> None:
    reader = EventReader(100)
    assert reader.parse_piece(b"data: x\r\n\r") == [Event(b"x")]
    assert reader.parse_piece(b"\ndata: y\n\n") == [Event(b"y")]


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 50, b"data: xxxxxxxx\n", b"data\n", b"x" * 50])
def test_an_event_without_end_is_refused(piece: bytes) -> None:
    with pytest.raises(EventTooLarge):
        read([piece] * 100, max_bytes=200)


def test_comments_without_end_are_no_event() -> None:
    assert read([render_comment(b"still here")] * 1000, max_bytes=200) == []


@pytest.mark.parametrize("size", [1, 7, len(STREAM)])
def test_what_a_stream_says_of_going_on_is_kept(size: int) -> None:
    reader = EventReader(1000)
    for start in range(0, len(STREAM), size):
        reader.parse_piece(STREAM[start : start + size])
    assert (reader.last_id, reader.retry_ms) == (b"8", 10)


def test_an_id_counts_without_data_but_not_without_its_end() -> None:
    reader = EventReader(1000)
    assert reader.parse_piece(b"id: 1\nretry: 5\n\nretry: soon\nretry: -1\nid: 2\n") == []
    assert (reader.last_id, reader.retry_ms) == (b"1", 5)


def test_a_stream_that_goes_on_begins_with_a_new_line() -> None:
    reader = EventReader(1000)
    reader.parse_piece(b"id: 1\n\nid: 2\ndata: lost\nda")
    reader.begin()
    assert reader.parse_piece(b"data: x\n\n") == [Event(b"x")]
    assert reader.last_id == b"1"
