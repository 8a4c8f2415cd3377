"""Clients that keep calling, and what each of their calls came to.

Rule: a client waits for its answer longer than any answer may take, so that a call that hangs is seen as one.
"""

import http.client
import itertools
import threading
import time
from contextlib import suppress
from typing import NamedTuple, Self

from local.ports import HOST
from soaks.calls import Address, Call, Outcome, Verdict, headers, judge, judge_list, listing, opening
from soaks.upstream import LEGACY, MODERN

PATIENCE_SECONDS = 10.0  # beyond the timeout of a call
PAUSE_SECONDS = 0.05  # between the calls of one client: a crowd, and not a flood that only measures the machine
LISTING_SECONDS = 0.2

Received = tuple[int, str, bytes, str]


class Made(NamedTuple):
    """A call that was made. Times on the monotonic clock, seconds."""

    call: Call
    began: float
    ended: float
    verdict: Verdict

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class Listed(NamedTuple):
    began: float
    ended: float
    verdict: Verdict


class Callers:
    """So many clients of both eras in turn, and one of each that lists. Use it as a context: they call inside it."""

    def __init__(
        self, address: Address, token: str, targets: list[str], servers: tuple[str, ...], timeout: float
    ) -> None:
        self._address, self._token, self._servers = address, token, servers
        self._patience = timeout + PATIENCE_SECONDS
        self._stop = threading.Event()
        eras = (LEGACY, MODERN)
        self._threads = [
            *(
                threading.Thread(target=self._call, args=(number, era, target))
                for number, (target, era) in enumerate(itertools.product(targets, eras))
            ),
            *(threading.Thread(target=self._list, args=(era,)) for era in eras),
        ]
        self.opened: list[str] = []
        self.made: list[Made] = []
        self.listed: list[Listed] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def requests(self) -> int:
        """All that took a place: calls, lists and handshakes."""
        return len(self.made) + len(self.listed) + len(self.opened)

    def are_steady(self, servers: tuple[str, ...], since: float, enough: int) -> bool:
        """Whether the latest `enough` calls of each of these servers began after `since` and were right."""
        missing = dict.fromkeys(servers, enough)
        for made in reversed(self.made[:]):
            server = made.call.server
            if not any(missing.values()):
                return True
            if missing.get(server):
                if made.began < since or made.verdict.outcome is not Outcome.RIGHT:
                    return False
                missing[server] -= 1
        return not any(missing.values())

    def _call(self, client: int, era: str, target: str) -> None:
        line = self._open(era)
        # The ids of all clients are the same ones, as those of real clients are.
        for number in itertools.count(1):
            if self._stop.is_set():
                break
            call = Call(era, target, f"{client}.{number}", number if number % 3 else str(number), number % 2 == 0)
            began = time.monotonic()
            try:
                status, kind, body, _ = line.post(call.body(), call.headers(self._token, line.mcp_session))
                verdict = judge(call, status, kind, body)
            except (OSError, http.client.HTTPException) as error:
                line.close()
                verdict = Verdict(Outcome.WRONG, f"the connection broke: {error!r}")
            self.made.append(Made(call, began, time.monotonic(), verdict))
            self._stop.wait(PAUSE_SECONDS)
        line.close()

    def _open(self, era: str) -> "_Line":
        line = _Line(self._address, self._patience)
        if era == LEGACY:
            line.open(self._token)
            self.opened.append(line.mcp_session)
        return line

    def _list(self, era: str) -> None:
        line = self._open(era)
        while not self._stop.wait(LISTING_SECONDS):
            began = time.monotonic()
            try:
                lines = headers(era, self._token, line.mcp_session, "tools/list")
                status, kind, body, _ = line.post(listing(era), lines)
                verdict = judge_list(self._servers, status, kind, body)
            except (OSError, http.client.HTTPException) as error:
                line.close()
                verdict = Verdict(Outcome.WRONG, f"the connection of a list broke: {error!r}")
            self.listed.append(Listed(began, time.monotonic(), verdict))
        line.close()


class _Line:
    """A connection to the gateway; for a legacy client with the session that it was given, if it was given one."""

    def __init__(self, address: Address, patience: float) -> None:
        self._connection = http.client.HTTPConnection(HOST, address.port, timeout=patience)
        self._path = address.path
        self.mcp_session = ""

    def open(self, token: str) -> None:
        _, _, _, self.mcp_session = self.post(opening(), headers(LEGACY, token, "", "initialize"))

    def post(self, body: bytes, lines: dict[str, str]) -> Received:
        """Status, content type, body and session id. Raises OSError or HTTPException."""
        self._connection.request("POST", self._path, body, lines)
        response = self._connection.getresponse()
        said = response.read()
        session = response.headers.get("Mcp-Session-Id", "")
        return response.status, response.headers.get("Content-Type", ""), said, session

    def close(self) -> None:
        with suppress(OSError):  # it may be broken already
            self._connection.close()
