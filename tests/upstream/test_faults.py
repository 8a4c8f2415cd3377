"""Each misfortune has its own code, and a sentence on which a person can act."""

import time

import pytest

from tests.upstream.servers import ECHO, Upstreams, text_of
from upstream import fake_faults as faults
from upstream.connection import WireLimits
from upstream.fake import FakeUpstream
from upstream.fake_turns import Act
from upstream.faults import CODES, UpstreamFault

TIGHT = WireLimits(head_bytes=16 * 1024, body_bytes=128 * 1024)
FAULTS: dict[str, tuple[Act, str, bool]] = {
    "closes": (faults.close, "reset", True),
    "resets": (faults.reset, "reset", True),
    "cuts its body": (faults.cut_midway, "cut", True),
    "cuts its stream": (faults.cut_stream, "cut", True),
    "ends its stream without an answer": (faults.end_stream_unanswered, "cut", True),
    "hangs": (faults.hang, "timeout", True),
    "trickles": (faults.trickle, "timeout", True),
    "web page": (faults.html, "not_mcp", False),
    "broken JSON": (faults.invalid_json, "invalid_json", True),
    "empty body": (faults.body(b""), "invalid_json", True),
    "array": (faults.body(b"[]"), "invalid_json", True),
    "neither result nor error": (faults.body(b'{"jsonrpc":"2.0","id":1}'), "invalid_json", True),
    "deeply nested": (faults.body(b'{"result":' + b"[" * 50_000 + b"]" * 50_000 + b"}"), "invalid_json", True),
    "broken UTF-8": (faults.body(b'{"id":"s1","result":"\xff"}'), "invalid_json", True),
    "answer to somebody else": (faults.wrong_id, "wrong_id", True),
    "null id": (faults.body(b'{"id":null,"result":{}}'), "wrong_id", True),
    "no id": (faults.body(b'{"result":{}}'), "wrong_id", True),
    "endless body": (faults.endless_body, "too_large", True),
    "endless event": (faults.endless_event, "too_large", True),
    "endless head": (faults.endless_head, "too_large", True),
    "announced too large": (
        faults.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n{"),
        "too_large",
        True,
    ),
    "another protocol": (faults.raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "not_mcp", True),
    "two lengths": (
        faults.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
        "not_mcp",
        True,
    ),
    "switches protocols": (
        faults.raw(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
        "not_mcp",
        True,
    ),
    "compressed": (faults.status(200, b"\x1f\x8b", "application/json", Content_Encoding="gzip"), "not_mcp", True),
    "401": (faults.status(401), "unauthorized", False),
    "403": (faults.status(403), "unauthorized", False),
    "405": (faults.status(405), "not_mcp", False),
    "429": (faults.status(429, Retry_After="7"), "rate_limited", False),
    "500": (faults.status(500), "server_error", True),
    "503": (faults.status(503, Retry_After="9"), "server_error", True),
    "202": (faults.status(202), "not_mcp", True),
    "redirect": (faults.status(307, Location="http://127.0.0.1:1/"), "not_mcp", False),
}


@pytest.mark.parametrize("what", FAULTS)
def test_each_misfortune_of_a_call_has_its_own_code(fake: FakeUpstream, what: str, upstream_at: Upstreams) -> None:
    act, code, may_have_run = FAULTS[what]
    fake.script("tools/call", act)
    upstream = upstream_at(fake.url, limits=TIGHT)
    upstream.open()
    began = time.monotonic()
    with pytest.raises(UpstreamFault) as raised:
        upstream.call("tools/call", ECHO, timeout=0.3).response()
    assert time.monotonic() - began < 2
    fault = raised.value
    assert (fault.code, fault.may_have_run) == (code, may_have_run), fault.sentence
    assert "127.0.0.1" in fault.sentence
    assert fault.sentence.endswith(".")
    assert ("may have run" in fault.call_sentence) == may_have_run
    assert fault.retry_after == {"429": 7, "503": 9}.get(what)
    assert fake.count("tools/call") == 1, "sent twice"
    assert text_of(upstream.call("tools/call", ECHO).response()) == '{"text":"hi"}'


def test_every_fault_code_has_a_test() -> None:
    here = {code for _, code, _ in FAULTS.values()} | {"not_found", "refused"}
    in_the_wire_tests = {"tls", "dns", "address_refused"}
    in_tests_of_their_own = {"circuit_open", "no_stream", "stream_taken"}
    assert here | in_the_wire_tests | in_tests_of_their_own == CODES
