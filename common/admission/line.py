"""One connection to Redis, and the epoch that was read on it.

Rule: nothing is sent on a connection whose epoch was not read on that same connection, within the last second: after
a restart or a failover every entry is of another epoch, and so a miss. Commands go out in one write and their replies
are read in order. A line never connects anew between a question and its reply, and never sends anything twice; what
may be sent twice goes by `send_twice`, for which no epoch is read.
"""

import hashlib
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import hiredis
from redis import BlockingConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, NoScriptError, ReadOnlyError, RedisError, ResponseError
from redis.retry import Retry

from common.admission.records import EPOCH_BYTES
from common.clock import monotonic
from common.errors import Unavailable

Command = tuple[Any, ...]

FAULTS = (RedisError, OSError)
TIMEOUT_SECONDS = 1.0  # a reply takes well under a millisecond: later than this, the request is better refused
CONNECTIONS = 16  # Redis does one thing at a time: more only wait there; whoever comes beyond them waits here
EPOCH_SECONDS = 1.0  # how long a replica that is promoted under an open connection may go unnoticed

_SCRIPTS = Path(__file__).parent / "scripts"
_IDENTITY = re.compile(rb"^(?:run_id|master_replid):(\w+)", re.MULTILINE)


def connect(url: str) -> Redis:
    """A client that never tries again on its own: a lost reply to a question would take a second place."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=TIMEOUT_SECONDS,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        driver_info=None,
    )
    return Redis.from_pool(pool)


def send_twice(client: Redis, commands: Sequence[Command], refusal: str) -> list[Any]:
    """All of them in one round trip, and all once more when that fails; raises Unavailable(refusal) when both do.

    Only for commands that may be repeated: those of the first round may have been done.
    """
    for last in (False, True):
        batch = client.pipeline(transaction=False)
        for command in commands:
            batch.execute_command(*command)
        try:
            return batch.execute()
        except FAULTS as fault:
            # A kept connection may have died with an old server, or lead to a primary that has become a replica and
            # answers with errors only: find it again.
            client.connection_pool.disconnect(inuse_connections=False)
            if last:
                raise Unavailable(refusal) from fault
    raise AssertionError("the second round returns or raises")


@dataclass(frozen=True, slots=True)
class Script:
    text: str
    sha: str

    @classmethod
    def read(cls, name: str) -> Self:
        text = (_SCRIPTS / f"{name}.lua").read_text()
        return cls(text, hashlib.sha1(text.encode()).hexdigest())  # noqa: S324  # the name that EVALSHA knows it by


class Line:
    """Use it as a context: inside, it is connected, its epoch is fresh, and it is yours alone.

    Whatever is raised inside closes the connection, since replies may still be under way on it.
    """

    def __init__(self, client: Redis) -> None:
        self.epoch = b""
        self._connection = client.connection_pool.make_connection()
        self._lock = threading.Lock()
        self._epoch_read_at = 0.0

    def __enter__(self) -> Self:
        self._lock.acquire()
        try:
            if not self._connection.is_connected:
                self._connection.connect()
                self.read_epoch()
            elif monotonic() - self._epoch_read_at > EPOCH_SECONDS:
                self.read_epoch()
        except BaseException:
            self._release(broken=True)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._release(broken=kind is not None)

    def exchange(self, *commands: Command, wait: float = 0.0) -> list[Any]:
        """Their replies, an error reply standing in its place. `wait`: seconds that they may block beyond the usual."""
        connection = self._connection
        if not connection.is_connected:
            raise ConnectionError("the connection was lost after its epoch was read")
        connection.send_packed_command([b"".join(map(hiredis.pack_command, commands))], check_health=False)
        read = partial(connection.read_response, timeout=TIMEOUT_SECONDS + wait) if wait else connection.read_response
        replies: list[Any] = []
        for _ in commands:
            try:
                replies.append(read())
            except ReadOnlyError:
                raise  # a replica by now: the primary has to be found again
            except ResponseError as error:
                replies.append(error)
        return replies

    def run(self, script: Script, calls: list[tuple[Any, ...]]) -> list[Any]:
        """One reply for each call (number of keys, keys, arguments); a server that has lost the script gets it anew."""
        replies = self.exchange(*[("EVALSHA", script.sha, *call) for call in calls])
        lost = [index for index, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if lost:
            again = [("EVALSHA", script.sha, *calls[index]) for index in lost]
            _, *fresh = self.exchange(("SCRIPT", "LOAD", script.text), *again)
            for index, reply in zip(lost, fresh, strict=True):
                replies[index] = reply
        return replies

    def read_epoch(self) -> bytes:
        server, replication = self.exchange(("INFO", "server"), ("INFO", "replication"))
        if not isinstance(server, bytes) or not isinstance(replication, bytes):
            raise ConnectionError(f"Redis does not say who it is: {server!r:.100}, {replication!r:.100}")
        identity = _IDENTITY.findall(server) + _IDENTITY.findall(replication)
        self.epoch = hashlib.sha256(b" ".join(identity)).digest()[:EPOCH_BYTES]
        self._epoch_read_at = monotonic()
        return self.epoch

    def close(self) -> None:
        with self._lock:
            self._connection.disconnect()

    def _release(self, *, broken: bool) -> None:
        if broken:
            self._connection.disconnect()
        self._lock.release()
