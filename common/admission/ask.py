"""The gateway's side of admission: ask, load what is missing, end.

Rule: what Redis does not answer is not admitted. A question whose reply was lost is sent once more under the same call
id, and the note that its first copy left makes the second free. Permission is written only over one's own lease.
Does not read the database, and does not decide what a verdict means to the client.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from redis import Redis

from common import redis_keys
from common.admission.line import FAULTS, Line, Script
from common.admission.records import (
    ENTRY_MS,
    GATEWAY_SECONDS,
    LEASE_MS,
    SESSION_MS,
    Answer,
    Cut,
    Ending,
    Lease,
    Question,
    TokenRecord,
    Verdict,
    WorkspaceRecord,
    note_prefix,
    parse_answer,
    render_lease,
    render_record,
    render_rules,
    render_token,
    render_workspace,
)
from common.clock import now_us
from common.errors import Unavailable

PLACES = 120  # a token's ring: no limit is higher, and a ring stays under 1 KiB
ENDINGS_PER_SCRIPT = 64  # a script holds up everybody else: this many take 0.2 ms


class Asker:
    """One per gateway process. `boot` names the process; `window_us` is the rate window.

    Asking, ending, loading and reading cuts have a connection each and do not wait for one another; callers of the
    same one do.
    """

    def __init__(self, client: Redis, boot: str, window_us: int, places: int = PLACES) -> None:
        self._boot, self._window_us, self._places = boot, window_us, places
        self._asking, self._ending, self._loading, self._cutting = (Line(client) for _ in range(4))
        self._ask, self._end, self._lease, self._publish = map(Script.read, ("ask", "end", "lease", "publish"))

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer for each question, in one round trip; never raises for a fault of Redis."""
        for again in (False, True):
            try:
                with self._asking as line:
                    calls = [
                        ask_call(question, self._boot, line.epoch, self._window_us, self._places)
                        for question in questions
                    ]
                    replies = line.run(self._ask, calls)
            except FAULTS:
                continue
            return [_answer(question, reply, again) for question, reply in zip(questions, replies, strict=True)]
        return [_answer(question, None, True) for question in questions]

    def end(self, endings: Sequence[Ending]) -> int:
        """Put their records on the shards' streams and take their notes away; how many records were written.

        Raises Unavailable, and may then have written some: send all of them again, a call id counts once.
        """
        shards: dict[int, list[Ending]] = defaultdict(list)
        for ending in endings:
            shards[redis_keys.shard(ending.slug)].append(ending)
        calls: list[tuple[Any, ...]] = []
        for shard, its_endings in shards.items():
            keys = (redis_keys.notes(shard, self._boot), redis_keys.calls(shard))
            for start in range(0, len(its_endings), ENDINGS_PER_SCRIPT):
                some = its_endings[start : start + ENDINGS_PER_SCRIPT]
                words = [word for e in some for word in (e.call_id, int(e.only_if_noted), render_record(e.fields))]
                calls.append((2, *keys, *words))
        return sum(_twice(self._ending, lambda line: line.run(self._end, calls)))

    def lease(self, slug: str, digest: bytes, nonce: str, *, token: bool, workspace: bool) -> Lease:
        """Take what is to be loaded and nobody is loading. Read the database after this, never before."""

        def plant(line: Line) -> list[Any]:
            lease = render_lease(nonce, line.epoch)
            return line.run(self._lease, [(2, *keys, line.epoch, lease, LEASE_MS, int(token), int(workspace))])

        keys = redis_keys.token(slug, digest), redis_keys.workspace(slug)
        (reply,) = _twice(self._loading, plant)
        return Lease(slug, digest, nonce, token=reply[0] == 1, workspace=reply[1] == 1, waiting=2 in reply)

    def publish(self, lease: Lease, token: TokenRecord | None, workspace: WorkspaceRecord | None) -> bool:
        """Write what was read, where the lease still stands; None takes the lease away. False: ask again."""

        def write(line: Line) -> list[Any]:
            entries = (
                render_token(token, line.epoch) if token else b"",
                render_workspace(workspace, line.epoch) if workspace else b"",
            )
            mine = render_lease(lease.nonce, line.epoch)
            return line.run(
                self._publish, [(2, *keys, mine, ENTRY_MS, *entries, int(lease.token), int(lease.workspace))]
            )

        keys = redis_keys.token(lease.slug, lease.digest), redis_keys.workspace(lease.slug)
        return _twice(self._loading, write) == [1]

    def refresh_epoch(self) -> bytes:
        """The server's epoch, as it is now. When it changes, every open stream has to be asked about again."""
        return _twice(self._loading, lambda line: [line.read_epoch()])[0]

    def heartbeat(self) -> None:
        """Say that this process lives; to be repeated within GATEWAY_SECONDS."""
        lease = ("SET", redis_keys.gateway(self._boot), "1", "EX", GATEWAY_SECONDS)
        seen = ("ZADD", redis_keys.gateways(), now_us() // 1_000_000, self._boot)
        _twice(self._loading, lambda line: line.exchange(lease, seen))

    def latest_cuts(self, shards: Sequence[int]) -> dict[int, str]:
        """Where the cuts of each shard end now: to be known before the first stream is opened."""
        commands = [("XREVRANGE", redis_keys.cuts(shard), "+", "-", "COUNT", 1) for shard in shards]
        replies = _twice(self._cutting, lambda line: line.exchange(*commands))
        return {shard: reply[0][0].decode() if reply else "0-0" for shard, reply in zip(shards, replies, strict=True)}

    def read_cuts(self, shards: Sequence[int], last_ids: dict[int, str], block_ms: int) -> list[Cut]:
        """The cuts after `last_ids`, which is moved on; waits up to `block_ms` for the first one."""
        keys = {redis_keys.cuts(shard).encode(): shard for shard in shards}
        streams = [*keys, *(last_ids[shard] for shard in shards)]
        command = ("XREAD", "BLOCK", max(block_ms, 1), "STREAMS", *streams)  # BLOCK 0 would wait for ever
        (reply,) = _twice(self._cutting, lambda line: line.exchange(command, wait=block_ms / 1000))
        cuts = [_cut(keys[key], *entry) for key, entries in reply or () for entry in entries]
        last_ids.update((cut.shard, cut.id) for cut in cuts)
        return cuts

    def close(self) -> None:
        for line in (self._asking, self._ending, self._loading, self._cutting):
            line.close()


def ask_call(question: Question, boot: str, epoch: bytes, window_us: int, places: int) -> tuple[Any, ...]:
    """The keys and arguments of ask.lua, their number first."""
    keys, sessions, prefix = _keys_and_prefixes(question.slug, question.digest, boot)
    rules = render_rules(epoch, window_us, places, question)
    note = f"{prefix}{question.note} "
    if not question.session:
        return 4, *keys, rules, question.call_id, note
    return 5, *keys, sessions + question.session, rules, question.call_id, note, SESSION_MS


@lru_cache(maxsize=8192)  # of 1.4 µs a question this spares all but 0.1; full, it holds some 5 MB
def _keys_and_prefixes(slug: str, digest: bytes, boot: str) -> tuple[tuple[str, str, str, str], str, str]:
    """The keys of every question, how a session's key begins, and how a note does."""
    keys = (
        redis_keys.token(slug, digest),
        redis_keys.workspace(slug),
        redis_keys.ring(slug, digest),
        redis_keys.notes(redis_keys.shard(slug), boot),
    )
    return keys, redis_keys.mcp_session(slug, digest, ""), note_prefix(slug, digest)


def _answer(question: Question, reply: object, again: bool) -> Answer:
    if isinstance(reply, bytes):
        answer = parse_answer(reply)
    elif isinstance(reply, list):  # a session was found: its state comes beside the answer
        answer = parse_answer(*reply)
    else:
        return Answer(Verdict.UNAVAILABLE, in_doubt=question.cost > 0)
    if again and question.cost > 0 and not answer.verdict.is_noted:
        return answer._replace(in_doubt=True)
    return answer


def _cut(shard: int, id: bytes, words: list[bytes]) -> Cut:
    fields = dict(zip(words[::2], (word.decode() for word in words[1::2]), strict=True))
    kind, digest = fields[b"kind"], fields[b"digest"]
    return Cut(
        shard,
        id.decode(),
        "token" if kind == "token" else "workspace",
        fields[b"slug"],
        bytes.fromhex(digest) or None,
        fields[b"reason"],
    )


def _twice(line: Line, work: Callable[[Line], list[Any]]) -> list[Any]:
    """Do what may be done twice, and raise Unavailable when it fails twice or Redis answers with an error."""
    fault: Exception | None = None
    for _ in range(2):
        try:
            with line:
                replies = work(line)
        except FAULTS as error:
            fault = error
            continue
        fault = next((reply for reply in replies if isinstance(reply, Exception)), None)
        if fault is None:
            return replies
        break
    raise Unavailable("Admission cannot be reached. Try again in a moment.") from fault
