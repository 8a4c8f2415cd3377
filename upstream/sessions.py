"""The sessions in use at one server: one modern one, or one a party.

Rule: however many calls of a party wait, one of them opens; the others get its session or its
fault. The verdict on the era is shared by all, has a date, and is asked for again after an hour.
What is open is kept in the store too, so that other processes go on with it, and ends when idle.
"""

import contextlib

import msgspec

from common.clock import monotonic
from upstream.eras import Era
from upstream.faults import UpstreamFault
from upstream.flights import Flight
from upstream.levels import rank_of
from upstream.opened import VERDICT_SECONDS, Opened, Session
from upstream.opening import Opener
from upstream.parties import Kept, Party, SessionStore
from upstream.posts import beside

MAX_PARTIES = 1000  # of one server; beyond it the one that was used longest ago has its session ended
TOUCH_SECONDS = 300.0  # how often the store hears that a session is in use
# A session that no process has touched for so long is idle for all of them: well over TOUCH_SECONDS, so that use
# elsewhere shows, and with those together shorter than the gateway's own patience with idle sessions.
IDLE_EVERYWHERE_SECONDS = 450.0


class _Seat:
    """One party's place: its session while one is open, and the id of the last one that the server forgot."""

    __slots__ = ("flight", "forgotten", "party", "session", "touched_at", "used_at")

    def __init__(self, party: Party) -> None:
        self.party = party
        self.session: Session | None = None
        self.forgotten: str | None = None
        self.flight = Flight()
        self.used_at = self.touched_at = monotonic()


class _Remembered(msgspec.Struct):
    """What the store keeps of a session besides its id."""

    opened: Opened
    level: int


class Sessions:
    def __init__(self, opener: Opener, authority: str, store: SessionStore | None = None):
        self._opener = opener
        self._authority = authority
        self._store = store
        self._modern: Session | None = None
        self._legacy_until = 0.0
        self._deciding = Flight()
        self._seats: dict[Party, _Seat] = {}

    def current(self, party: Party, deadline: float) -> Session:
        """The session to use now, opened first where there is none; raises UpstreamFault."""
        now = monotonic()
        session = self._modern
        if session is None:
            seat = self._seats.get(party) or self._add_seat(party)
            seat.used_at = now
            session = seat.session
        if session is not None and now < session.stale_at:
            return session
        seat = self._seats.get(party) or self._add_seat(party)
        return seat.flight.take(
            lambda: self._fresh(seat), lambda: self._open(seat, deadline), deadline, self._authority
        )

    def find(self, party: Party) -> Session | None:
        """The session that is open already, here or by another process; connects to nothing."""
        if self._modern is not None:
            return self._modern
        seat = self._seats.get(party)
        if seat is not None and seat.session is not None:
            return seat.session
        kept = self._store.find(party) if self._store is not None else None
        if kept is None or (seat is not None and kept.session_id == seat.forgotten):
            return None
        session = self._resume(party, kept)
        if session is not None:
            seat = seat or self._add_seat(party)
            seat.session = session
        return session

    def forget(self, session: Session) -> None:
        """The server no longer knows it. Others may have opened another meanwhile: that one stays."""
        if self._modern is session:
            self._modern = None
        seat = self._seats.get(session.party)
        if seat is not None and seat.session is session:
            seat.session, seat.forgotten = None, session.session_id

    def raise_level(self, session: Session, level: str, deadline: float) -> None:
        """Make a legacy session at least as verbose; a server that cannot, or refuses, is not asked again."""
        with session.leveling:
            known = self._level_of(session)
            rank = rank_of(level)
            if rank < known and session.opened.can("logging"):
                with contextlib.suppress(UpstreamFault):  # the call itself will say what is wrong
                    self._opener.set_level(session, level, deadline)
                if self._store is not None and session.session_id is not None:
                    session.level = rank
                    self._store.keep(session.party, _render(session), session.session_id)
            session.level = min(rank, known)

    def end(self, party: Party) -> None:
        """End this party's session, at most two seconds long."""
        session = self.find(party)
        self._seats.pop(party, None)
        if session is None or session.session_id is None:
            return
        if self._store is not None:
            self._store.drop(party, session.session_id)
        self._opener.leave([session])

    def is_held(self) -> bool:
        """Whether something is under way as a stream."""
        sessions = [self._modern, *(seat.session for seat in list(self._seats.values()))]
        return any(session is not None and session.streams for session in sessions)

    def parties(self) -> list[Party]:
        """Those that have a place here."""
        return list(self._seats)

    def sweep(self, horizon: float) -> None:
        """End what no call has used since (monotonic seconds), without waiting; the rest is told to the store."""
        idle: list[Session] = []
        for party, seat in list(self._seats.items()):
            session = seat.session
            if session is not None and session.streams:
                seat.used_at = monotonic()
            if seat.used_at < horizon:
                del self._seats[party]
                idle += self._retire(session)
            elif self._store is not None and session is not None and session.session_id is not None:
                self._touch(self._store, seat)
        if idle:
            beside(self._opener.leave, idle)

    def close(self) -> None:
        """End all that no other process uses, at most two seconds long."""
        seats, self._seats, self._modern = self._seats, {}, None
        self._opener.leave(session for seat in seats.values() for session in self._retire(seat.session))

    def _fresh(self, seat: _Seat) -> Session | None:
        session = self._modern or seat.session
        return session if session is not None and monotonic() < session.stale_at else None

    def _open(self, seat: _Seat, deadline: float) -> Session:
        """A session for this seat: another process's, or one of our own. Runs once at a time for each seat."""
        if self._modern is None and self._store is not None:
            kept = self._store.find(seat.party)
            if kept is not None and kept.session_id != seat.forgotten:
                seat.session = self._resume(seat.party, kept)
                if seat.session is not None:
                    return seat.session
        session = self._begin(seat.party, deadline)
        if session.opened.era is Era.LEGACY:
            session = seat.session = self._share(seat, session)
        return session

    def _begin(self, party: Party, deadline: float) -> Session:
        if monotonic() < self._legacy_until:
            try:
                return self._opener.initialize(party, deadline)
            except UpstreamFault as fault:
                if fault.code not in ("not_mcp", "not_found"):
                    raise
                self._legacy_until = 0.0  # it answers, but not to this any more
        verdict = self._deciding.take(self._known, lambda: self._decide(party, deadline), deadline, self._authority)
        return self._opener.initialize(party, deadline) if isinstance(verdict, Era) else verdict

    def _known(self) -> Session | Era | None:
        """The verdict that somebody else has come to meanwhile."""
        now = monotonic()
        if now < self._legacy_until:
            return Era.LEGACY
        return self._modern if self._modern is not None and now < self._modern.stale_at else None

    def _decide(self, party: Party, deadline: float) -> Session | Era:
        self._modern = None
        verdict = self._opener.discover(deadline)
        if isinstance(verdict, Session):
            self._modern = verdict
            return verdict
        try:
            session = self._opener.initialize(party, deadline)
        except UpstreamFault as fault:
            # A modern server in trouble does not know `initialize`: its trouble is what to tell.
            raise (verdict or fault) from None
        if verdict is None:
            self._legacy_until = monotonic() + VERDICT_SECONDS
        return session

    def _share(self, seat: _Seat, session: Session) -> Session:
        """Put it into the store; where another process was faster, its session is the one to use."""
        if self._store is None or session.session_id is None:
            return session
        kept = self._store.keep(seat.party, _render(session), seat.forgotten)
        if kept.session_id == session.session_id:
            return session
        other = self._resume(seat.party, kept)
        if other is None:
            return session
        beside(self._opener.leave, [session])
        return other

    def _resume(self, party: Party, kept: Kept) -> Session | None:
        known = _read(kept)
        if known is None:
            return None
        session = self._opener.resume(party, known.opened, kept.session_id)
        session.level, session.is_resumed = known.level, True
        return session

    def _add_seat(self, party: Party) -> _Seat:
        if len(self._seats) >= MAX_PARTIES:
            free = [seat for seat in list(self._seats.values()) if seat.session is None or not seat.session.streams]
            oldest = min(free, key=lambda seat: seat.used_at, default=None)
            if oldest is not None and self._seats.pop(oldest.party, None) is not None:
                beside(self._opener.leave, self._retire(oldest.session))
        return self._seats.setdefault(party, _Seat(party))

    def _level_of(self, session: Session) -> int:
        """How verbose the session was made, by whichever process."""
        kept = self._store.find(session.party) if self._store is not None else None
        known = _read(kept) if kept is not None and kept.session_id == session.session_id else None
        return min(known.level, session.level) if known is not None else session.level

    def _touch(self, store: SessionStore, seat: _Seat) -> None:
        now = monotonic()
        if seat.used_at > seat.touched_at and now - seat.touched_at > TOUCH_SECONDS:
            seat.touched_at = now
            store.touch(seat.party)

    def _retire(self, session: Session | None) -> list[Session]:
        """The session, when it has to be ended now: nobody else uses it."""
        if session is None or session.session_id is None:
            return []
        if self._store is None or self._store.drop(session.party, session.session_id, IDLE_EVERYWHERE_SECONDS):
            return [session]
        return []


def _render(session: Session) -> Kept:
    remembered = msgspec.json.encode(_Remembered(session.opened, session.level))
    return Kept(session.session_id or "", remembered)


def _read(kept: Kept) -> _Remembered | None:
    """None for what another version of this package has written."""
    try:
        return msgspec.json.decode(kept.opened, type=_Remembered)
    except msgspec.DecodeError:
        return None
