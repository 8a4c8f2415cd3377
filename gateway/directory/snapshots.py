"""Snapshots of workspaces, frozen and replaced whole.

Rule: a snapshot is used only when its version is the one that admission returned. Bounded: the workspace that was
used least recently makes room.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.turns import Turns

# A warm workspace takes a few kilobytes; beyond this many the rarely used ones are read anew.
MAX_SNAPSHOTS = 10_000


@dataclass(frozen=True, slots=True)
class Server:
    """An enabled server as the gateway calls it; timeouts in seconds.

    `id` is 32 hex digits, as records carry it. `definition` is the same for servers that may share connections,
    and what tells two of them apart fast. `sessions` says who shares one: "shared", "token" or "client".
    """

    id: str
    name: str
    prefix: str
    url: str
    credentials: bytes | None = field(repr=False)
    seal_name: str
    connect_timeout: int
    timeout: int
    definition: str
    sessions: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One workspace at one version; its id in 32 hex digits, `execution_timeout` in seconds.

    `servers` are the enabled ones, in the order of their prefixes.
    """

    workspace_id: str
    slug: str
    name: str
    version: int
    execution_timeout: int
    data_key: bytes = field(repr=False)
    servers: tuple[Server, ...]


class Snapshots:
    """The snapshots of the workspaces in use, loaded when a version is asked for that is not here."""

    def __init__(self, load: Callable[[str], Snapshot | None]) -> None:
        self._load = load
        self._snapshots: OrderedDict[str, Snapshot] = OrderedDict()
        self._loading: Turns[str] = Turns()

    def find(self, slug: str, version: int) -> Snapshot | None:
        """The snapshot of this version; None when the database has another one by now (ask admission again).

        Raises whatever the loader raises, when the database does not answer.
        """
        snapshot = self._snapshots.get(slug)
        if snapshot is not None and snapshot.version == version:
            self._snapshots.move_to_end(slug)
            return snapshot
        snapshot = self._reload(slug, version)
        return snapshot if snapshot is not None and snapshot.version == version else None

    def _reload(self, slug: str, version: int) -> Snapshot | None:
        """Single flight: of many greenlets that miss the same workspace one reads, the others wait for it."""
        with self._loading.taken(slug):
            snapshot = self._snapshots.get(slug)
            if snapshot is not None and snapshot.version == version:
                return snapshot
            snapshot = self._load(slug)
            if snapshot is not None:
                self._snapshots[slug] = snapshot
                if len(self._snapshots) > MAX_SNAPSHOTS:
                    self._snapshots.popitem(last=False)
            return snapshot
