"""The upstreams in use: a pool and session per server definition.

Rule: never shared between workspaces or environments; a changed definition is another upstream. Idle ones are closed.
"""

import gevent

from common import clock
from common.product import NAME, VERSION
from common.sealing.keyring import Keyring
from gateway.directory.credentials import open_headers
from gateway.directory.snapshots import Server, Snapshot
from upstream.client import Upstream
from upstream.target import Target
from upstream.wire import Pool

# An upstream that nobody called for this long is closed: its session and sockets cost the server something.
IDLE_SECONDS = 900

_Key = tuple[str, str, str]  # slug, environment, definition


class Upstreams:
    def __init__(self, keyring: Keyring, pool: Pool, *, allow_http: bool) -> None:
        self._keyring = keyring
        self._pool = pool
        self._allow_http = allow_http
        self._upstreams: dict[_Key, tuple[Upstream, float]] = {}

    def get(self, snapshot: Snapshot, environment: str, server: Server) -> Upstream:
        """Raises UpstreamFault for an address or credentials that cannot be used; connects to nothing."""
        key = (snapshot.slug, environment, server.definition)
        now = clock.monotonic()
        found = self._upstreams.get(key)
        upstream = found[0] if found is not None else self._make(snapshot, server)
        self._upstreams[key] = (upstream, now)
        return upstream

    def sweep(self) -> None:
        """Close what nobody has called for a while; a definition that was replaced is among it, in time."""
        self._pool.sweep()
        horizon = clock.monotonic() - IDLE_SECONDS
        for key, (upstream, used) in list(self._upstreams.items()):
            if used < horizon:
                del self._upstreams[key]
                gevent.spawn(upstream.close)  # a farewell to the server may take two seconds

    def _make(self, snapshot: Snapshot, server: Server) -> Upstream:
        """Raises UpstreamFault."""
        target = Target(
            url=server.url,
            headers=open_headers(self._keyring, snapshot, server),
            connect_timeout=server.connect_timeout,
            timeout=server.timeout,
            allow_http=self._allow_http,
        )
        return Upstream(target, self._pool, NAME, VERSION)
