"""The upstreams in use: one a server definition, its sessions by party.

Rule: never shared between workspaces or environments; a changed definition is another upstream. Idle ones are closed.
"""

from collections.abc import Callable

import gevent

from common import clock
from common.product import NAME, VERSION
from common.sealing.keyring import Keyring
from gateway.directory.credentials import open_headers
from gateway.directory.snapshots import Server, Snapshot
from gateway.exchange import Exchange
from gateway.protocol.capabilities import NONE, relayable
from upstream.client import Upstream
from upstream.parties import NOBODY, Party, SessionStore
from upstream.target import Target
from upstream.wire import Pool

# An upstream that nobody called for this long is closed: its session and sockets cost the server something.
IDLE_SECONDS = 900

_Key = tuple[str, str, str]  # slug, environment, definition


# Who shares a session with the server, by the server's setting; the default is everybody.
_OF_EVERYBODY = "shared"
OF_CLIENT = "client"

MakeStore = Callable[[str, str, str], SessionStore]  # slug, environment, definition


class Upstreams:
    def __init__(self, keyring: Keyring, pool: Pool, make_store: MakeStore, *, allow_http: bool) -> None:
        self._keyring = keyring
        self._pool = pool
        self._make_store = make_store
        self._allow_http = allow_http
        self._upstreams: dict[_Key, tuple[Upstream, float]] = {}

    def get(self, snapshot: Snapshot, environment: str, server: Server) -> Upstream:
        """Raises UpstreamFault for an address or credentials that cannot be used; connects to nothing."""
        key = (snapshot.slug, environment, server.definition)
        now = clock.monotonic()
        found = self._upstreams.get(key)
        upstream = found[0] if found is not None else self._make(snapshot, environment, server)
        self._upstreams[key] = (upstream, now)
        return upstream

    @staticmethod
    def party(server: Server, exchange: Exchange) -> Party:
        """For whom the server keeps a session. A client without a session of its own shares its token's."""
        declared = exchange.declared
        if server.sessions == _OF_EVERYBODY:
            capabilities = relayable(declared)
            return NOBODY if capabilities == NONE else Party("", capabilities)
        if server.sessions == OF_CLIENT and exchange.mcp_session_id:
            return Party(exchange.mcp_session_id, relayable(declared, to_one=True))
        return Party(exchange.digest.hex(), relayable(declared))

    def end_mcp_session(self, slug: str, mcp_session: str) -> None:
        """A client's session is over: so are those that servers keep for it alone."""
        for (its_slug, _, _), (upstream, _) in list(self._upstreams.items()):
            if its_slug == slug:
                gevent.spawn(upstream.end_principal, mcp_session)

    def sweep(self) -> None:
        """Close what nobody has called for a while; a definition that was replaced is among it, in time.

        Of what is in use, the sessions that nobody has used for as long are ended.
        """
        self._pool.sweep()
        horizon = clock.monotonic() - IDLE_SECONDS
        for key, (upstream, used) in list(self._upstreams.items()):
            if used < horizon and not upstream.is_held():
                del self._upstreams[key]
                gevent.spawn(upstream.close)  # a farewell to the server may take two seconds
            else:
                upstream.sweep(horizon)

    def _make(self, snapshot: Snapshot, environment: str, server: Server) -> Upstream:
        """Raises UpstreamFault."""
        target = Target(
            url=server.url,
            headers=open_headers(self._keyring, snapshot, server),
            connect_timeout=server.connect_timeout,
            timeout=server.timeout,
            allow_http=self._allow_http,
        )
        store = self._make_store(snapshot.slug, environment, server.definition)
        return Upstream(target, self._pool, NAME, VERSION, store=store)
