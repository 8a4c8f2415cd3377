"""Admission without Redis: an honest fake of both sides, for tests.

Rule: it passes the same contract suite as the real one, and keeps the same steps and the same order of checks.
One `Memory` is one Redis, shared by any number of askers and publishers. Does not outlive the process.
"""

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from common import redis_keys
from common.admission.ask import PLACES
from common.admission.records import (
    CLOSING_MS,
    DEAD_MS,
    ENTRY_MS,
    LEASE_MS,
    SESSION_MS,
    Answer,
    Closing,
    Cut,
    Ending,
    Lease,
    Opening,
    Question,
    Receipt,
    TokenRecord,
    Verdict,
    WorkspaceRecord,
)
from common.clock import now_us
from common.errors import Unavailable

Name = tuple[str, bytes | None]  # slug and digest, as of a token; a workspace has no digest


class Entry(NamedTuple):
    state: Literal["permission", "lease", "closing", "dead"]
    epoch: int
    until_us: int
    nonce: str = ""
    record: TokenRecord | WorkspaceRecord | None = None


@dataclass(slots=True)
class Ring:
    times: list[int] = field(default_factory=list)
    skew: int = 0


class Session(NamedTuple):
    state: bytes
    until_us: int


class Memory:
    """`records` are the ended calls as (call id, fields); `is_reachable` False is an outage."""

    def __init__(self) -> None:
        self.is_reachable = True
        self.records: list[tuple[str, Mapping[str, str | int | bytes]]] = []
        self.epoch = 1
        self.lock = threading.Condition()
        self.flush()

    def flush(self) -> None:
        self.entries: dict[Name, Entry] = {}
        self.rings: dict[Name, Ring] = defaultdict(Ring)
        self.notes: dict[tuple[str, str], Name] = {}
        self.sessions: dict[tuple[str, bytes, str], Session] = {}
        self.cuts: list[Cut] = []
        self.seen: dict[str, int] = {}

    def restart(self) -> None:
        self.epoch += 1

    def find(self, name: Name) -> Entry | None:
        entry = self.entries.get(name)
        return entry if entry is not None and entry.until_us > now_us() else None

    def find_record(self, name: Name) -> TokenRecord | WorkspaceRecord | None:
        entry = self.find(name)
        return entry.record if entry and entry.epoch == self.epoch else None

    def state(self, name: Name) -> str:
        entry = self.find(name)
        return entry.state if entry else "missing"

    def put(self, name: Name, entry: Entry, life_ms: int) -> None:
        self.entries[name] = entry._replace(until_us=now_us() + life_ms * 1000)

    def keep_session(self, slug: str, digest: bytes, id: str, state: bytes, left_ms: int = SESSION_MS) -> None:
        self.sessions[slug, digest, id] = Session(state, now_us() + left_ms * 1000)

    def use_session(self, slug: str, digest: bytes, id: str) -> Session | None:
        """The session, which lives on from here, to the minute."""
        session = self.sessions.get((slug, digest, id))
        if session is None or session.until_us <= now_us():
            return None
        if session.until_us - now_us() < (SESSION_MS - 60_000) * 1000:
            self.keep_session(slug, digest, id, session.state)
        return session

    def require_reachable(self) -> None:
        if not self.is_reachable:
            raise Unavailable("Admission cannot be reached. Try again in a moment.")


class MemoryAsker:
    def __init__(self, memory: Memory, boot: str, window_us: int, places: int = PLACES) -> None:
        self._memory, self._boot, self._window_us, self._places = memory, boot, window_us, places

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        with self._memory.lock:
            return [self._judge(question) for question in questions]

    def end(self, endings: Sequence[Ending]) -> int:
        written = 0
        with self._memory.lock:
            self._memory.require_reachable()
            for ending in endings:
                noted = self._memory.notes.pop((self._boot, ending.call_id), None) is not None
                if noted or not ending.only_if_noted:
                    self._memory.records.append((ending.call_id, dict(ending.fields)))
                    written += 1
        return written

    def lease(self, slug: str, digest: bytes, nonce: str, *, token: bool, workspace: bool) -> Lease:
        with self._memory.lock:
            self._memory.require_reachable()
            planted = (
                self._plant((slug, digest), nonce) if token else "nothing",
                self._plant((slug, None), nonce) if workspace else "nothing",
            )
        mine = [outcome == "mine" for outcome in planted]
        return Lease(slug, digest, nonce, *mine, waiting="another's" in planted)

    def publish(self, lease: Lease, token: TokenRecord | None, workspace: WorkspaceRecord | None) -> bool:
        with self._memory.lock:
            self._memory.require_reachable()
            written = not lease.token or self._write((lease.slug, lease.digest), lease.nonce, token)
            return (not lease.workspace or self._write((lease.slug, None), lease.nonce, workspace)) and written

    def refresh_epoch(self) -> bytes:
        self._memory.require_reachable()
        return self._memory.epoch.to_bytes(8)

    def heartbeat(self) -> None:
        self._memory.require_reachable()
        self._memory.seen[self._boot] = now_us()

    def latest_cuts(self, shards: Sequence[int]) -> dict[int, str]:
        self._memory.require_reachable()
        return {shard: str(len(self._memory.cuts)) for shard in shards}

    def read_cuts(self, shards: Sequence[int], last_ids: dict[int, str], block_ms: int) -> list[Cut]:
        def after() -> list[Cut]:
            self._memory.require_reachable()
            return [c for c in self._memory.cuts if c.shard in shards and int(c.id) > int(last_ids[c.shard])]

        with self._memory.lock:
            self._memory.lock.wait_for(after, block_ms / 1000)
            cuts = after()
        last_ids.update((cut.shard, cut.id) for cut in cuts)
        return cuts

    def close(self) -> None:
        """There is nothing to close."""

    def _judge(self, question: Question) -> Answer:
        memory, now = self._memory, now_us()
        if not memory.is_reachable:
            return Answer(Verdict.UNAVAILABLE, in_doubt=question.cost > 0)
        of_token, of_workspace = (question.slug, question.digest), (question.slug, None)
        if memory.state(of_token) in ("dead", "closing"):
            return Answer(Verdict.DEAD if memory.state(of_token) == "dead" else Verdict.CLOSING, time_us=now)
        token, workspace = memory.find_record(of_token), memory.find_record(of_workspace)
        is_closing = memory.state(of_workspace) == "closing"
        if isinstance(token, TokenRecord) and is_closing:
            return Answer(Verdict.CLOSING, time_us=now)
        if not isinstance(token, TokenRecord) or not isinstance(workspace, WorkspaceRecord):
            load_workspace = workspace is None and not is_closing
            return Answer(Verdict.LOAD, time_us=now, load_token=token is None, load_workspace=load_workspace)
        if 0 < token.expires_us <= now:
            return Answer(Verdict.EXPIRED, time_us=now, expires_us=token.expires_us)
        if workspace.status == "gone":
            return Answer(Verdict.GONE, time_us=now, expires_us=token.expires_us)
        return self._admit(question, token, workspace, now)

    def _admit(self, question: Question, token: TokenRecord, workspace: WorkspaceRecord, now: int) -> Answer:
        limit = min(workspace.limit, token.limit or workspace.limit, self._places)
        frozen = question.is_call and workspace.status == "frozen"
        verdict = Verdict.FROZEN if frozen else Verdict.OK
        passed = Answer(verdict, workspace.version, token.ref, limit, time_us=now, expires_us=token.expires_us)
        if question.session:
            session = self._memory.use_session(question.slug, question.digest, question.session)
            if session is None:
                return passed._replace(verdict=Verdict.NO_SESSION)
            passed = passed._replace(session=session.state)
        note = self._boot, question.call_id
        if question.cost == 0:
            return passed
        if note in self._memory.notes:
            return passed if frozen else passed._replace(verdict=Verdict.AGAIN)
        if question.is_call and workspace.quota_until_us > now:
            return passed._replace(verdict=Verdict.QUOTA, retry_after_us=workspace.quota_until_us - now)
        if question.cost > limit:
            return passed._replace(verdict=Verdict.TOO_LARGE)
        ring = self._memory.rings[question.slug, question.digest]
        last = ring.times[-1] if ring.times else 0
        ring.skew += max(0, last - (now + ring.skew))
        now += ring.skew
        inside = [time for time in ring.times if now - time < self._window_us]
        free = limit - len(inside)
        if question.cost > free:
            wait = inside[question.cost - free - 1] + self._window_us - now
            return passed._replace(verdict=Verdict.LIMITED, remaining=max(free, 0), retry_after_us=wait, time_us=now)
        ring.times = [*inside, *[now] * question.cost]
        self._memory.notes[note] = question.slug, question.digest
        return passed._replace(time_us=now)

    def _plant(self, name: Name, nonce: str) -> Literal["nothing", "mine", "another's"]:
        entry = self._memory.find(name)
        if entry and (entry.state in ("dead", "closing") or self._memory.find_record(name)):
            return "nothing"
        if entry and entry.epoch == self._memory.epoch and entry.nonce != nonce:
            return "another's"
        self._memory.put(name, Entry("lease", self._memory.epoch, 0, nonce), LEASE_MS)
        return "mine"

    def _write(self, name: Name, nonce: str, record: TokenRecord | WorkspaceRecord | None) -> bool:
        entry = self._memory.find(name)
        if entry is None or (entry.state, entry.epoch, entry.nonce) != ("lease", self._memory.epoch, nonce):
            return False
        if record is None:
            del self._memory.entries[name]
        else:
            self._memory.put(name, Entry("permission", self._memory.epoch, 0, record=record), ENTRY_MS)
        return True


class MemoryPublisher:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def deny(self, closings: Sequence[Closing]) -> None:
        with self._memory.lock:
            self._memory.require_reachable()
            for closing in closings:
                name = closing.slug, closing.digest
                entry = self._memory.find(name)
                if entry is None or entry.state != "dead":
                    self._memory.put(name, Entry("closing", 0, 0, closing.nonce), CLOSING_MS)

    def undo(self, closings: Sequence[Closing]) -> None:
        with self._memory.lock:
            self._memory.require_reachable()
            for closing in closings:
                entry = self._memory.find((closing.slug, closing.digest))
                if entry and (entry.state, entry.nonce) == ("closing", closing.nonce):
                    del self._memory.entries[closing.slug, closing.digest]

    def confirm(self, closings: Sequence[Closing]) -> Receipt:
        with self._memory.lock:
            self._memory.require_reachable()
            for closing in closings:
                self._memory.entries.pop((closing.slug, closing.digest), None)
                if closing.kind == "token":
                    self._memory.put((closing.slug, closing.digest), Entry("dead", 0, 0), DEAD_MS)
                shard, id = redis_keys.shard(closing.slug), str(len(self._memory.cuts) + 1)
                self._memory.cuts.append(Cut(shard, id, closing.kind, closing.slug, closing.digest, closing.reason))
            closed = {(closing.slug, closing.digest) for closing in closings}
            told = sum(
                (name in closed or (name[0], None) in closed) and boot in self._memory.seen
                for (boot, _), name in self._memory.notes.items()
            )
            self._memory.lock.notify_all()
        return Receipt(now_us(), told)

    def open(self, openings: Sequence[Opening]) -> None:
        with self._memory.lock:
            self._memory.require_reachable()
            for opening in openings:
                self._memory.entries.pop((opening.slug, opening.digest), None)
