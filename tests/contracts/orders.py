"""A small model of every order in which a revocation, two loads and accidents can meet.

Rule: a state is everything that matters and nothing else, so that all of them can be visited. The steps are those of
`common/admission`, or one of the weaker forms that look as good and are not.
The accidents: an entry expires, everything is flushed, a replica copies what is there, the replica takes over.
Beside them a session of the token's begins and ends: it never opens what the token does not.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

FAILOVERS = 2


class Entry(NamedTuple):
    """`of` is who holds a lease, or what the permission was read from: the database before or after the commit."""

    kind: str
    epoch: int = 0
    of: str = ""


class State(NamedTuple):
    entry: Entry | None
    copy: Entry | None
    epoch: int = 0
    done: tuple[str, ...] = ()  # the steps of the revocation so far
    loads: tuple[tuple[int, str], ...] = ((0, ""), (0, ""))  # steps taken, what the database said
    has_session: bool = False


@dataclass(frozen=True)
class Form:
    """How the steps are done. The defaults are the real ones."""

    revocation: tuple[str, ...] = ("deny", "commit", "confirm", "answer")
    leases: bool = True  # else a load writes where nothing is (SET NX)
    epochs: bool = True  # else an entry of any epoch is as good
    new_connections_read_the_epoch: bool = True
    confirmation: str | None = "dead"  # None: the entry is deleted, as a workspace's

    def admits(self, state: State) -> bool:
        """Would a request pass now that the database, as it is, would refuse?"""
        known = state.epoch if self.new_connections_read_the_epoch else 0
        entry = state.entry
        return entry is not None and entry.kind == "active" and entry.of == "before" and self._is_of(entry, known)

    def steps(self, state: State) -> Iterator[tuple[str, State]]:
        """Whatever can happen next, by name."""
        if len(state.done) < len(self.revocation):
            step = self.revocation[len(state.done)]
            yield step, self._revoke(step, state)._replace(done=(*state.done, step))
        for loader in (0, 1):
            yield from self._load(loader, state)
        if state.entry is not None:
            yield "expire", state._replace(entry=None)
            yield "flush", state._replace(entry=None, copy=None, has_session=False)
        if state.copy != state.entry:
            yield "copy", state._replace(copy=state.entry)
        if state.epoch < FAILOVERS:
            yield "failover", state._replace(entry=state.copy, epoch=state.epoch + 1)
        yield ("end" if state.has_session else "begin"), state._replace(has_session=not state.has_session)

    def _revoke(self, step: str, state: State) -> State:
        if step == "deny" and (state.entry is None or state.entry.kind != "dead"):
            return state._replace(entry=Entry("closing"))
        if step == "tombstone":
            return state._replace(entry=Entry("dead"))
        if step == "confirm":
            return state._replace(entry=Entry(self.confirmation) if self.confirmation else None)
        return state

    def _load(self, loader: int, state: State) -> Iterator[tuple[str, State]]:
        taken, seen = state.loads[loader]
        entry, mine = state.entry, Entry("lease", state.epoch, str(loader))
        if taken == 0 and self._is_missing(state):
            yield f"lease {loader}", self._after(loader, state, "", mine if self.leases else entry)
        elif taken == 1:
            seen = "after" if "commit" in state.done else "before"
            yield f"read {loader}", self._after(loader, state, seen, entry)
        elif taken == 2:
            is_ours = entry is None
            if self.leases:
                is_ours = entry is not None and entry[::2] == mine[::2] and self._is_of(entry, state.epoch)
            found = Entry("active", state.epoch, seen) if seen == "before" else None
            yield f"publish {loader}", self._after(loader, state, seen, found if is_ours else entry)

    def _is_missing(self, state: State) -> bool:
        entry = state.entry
        return entry is None or (entry.kind in ("active", "lease") and not self._is_of(entry, state.epoch))

    def _is_of(self, entry: Entry, epoch: int) -> bool:
        return not self.epochs or entry.epoch == epoch

    def _after(self, loader: int, state: State, seen: str, entry: Entry | None) -> State:
        loads = list(state.loads)
        loads[loader] = loads[loader][0] + 1, seen
        return state._replace(entry=entry, loads=tuple(loads))


def starts() -> list[State]:
    """Nothing is known, or the token is, with and without a replica that knows it as well."""
    active = Entry("active", 0, "before")
    return [State(None, None), State(active, None), State(active, active)]


def visit(form: Form) -> tuple[list[str] | None, int]:
    """The shortest way to admit something after the answer, None when there is none; and how many states there are."""
    came_from: dict[State, tuple[State, str] | None] = dict.fromkeys(starts())
    waiting = deque(came_from)
    while waiting:
        state = waiting.popleft()
        if "answer" in state.done and form.admits(state):
            return _way_to(state, came_from), len(came_from)
        for name, following in form.steps(state):
            if following not in came_from:
                came_from[following] = state, name
                waiting.append(following)
    return None, len(came_from)


def _way_to(state: State, came_from: dict[State, tuple[State, str] | None]) -> list[str]:
    way: list[str] = []
    while (origin := came_from[state]) is not None:
        state, name = origin
        way.append(name)
    return way[::-1]
