"""The parts of a gateway process that its stages work with."""

from typing import NamedTuple

from gateway.admission import Admission
from gateway.attended import AttendedCalls
from gateway.catalog.catalogs import Catalogs
from gateway.directory.snapshots import Snapshots
from gateway.directory.upstreams import Upstreams
from gateway.health import Health
from gateway.mcp_sessions.store import McpSessions
from gateway.open_exchanges import OpenExchanges
from gateway.open_streams import OpenStreams
from gateway.parked import ParkedCalls
from gateway.recorder import Recorder
from gateway.relayed import RelayedRequests
from gateway.session_streams import SessionStreams
from gateway.signals import SignalBoard
from gateway.watches.watches import Watches


class Parts(NamedTuple):
    """One of each in a process."""

    health: Health
    admission: Admission
    snapshots: Snapshots
    catalogs: Catalogs
    upstreams: Upstreams
    attended: AttendedCalls
    recorder: Recorder
    open_exchanges: OpenExchanges
    board: SignalBoard
    mcp_sessions: McpSessions
    relayed: RelayedRequests
    parked: ParkedCalls
    streams: OpenStreams
    session_streams: SessionStreams
    watches: Watches
