"""Route: which server a call goes to, by table; no name is ever parsed.

Rule: a name that the table does not know is looked for once more in a fresh catalog before it is refused.
"""

from gateway.catalog.catalogs import Catalogs
from gateway.directory.loader import parse_ref
from gateway.exchange import Exchange
from gateway.protocol.eras import require_text
from gateway.protocol.refusals import INVALID_PARAMS, Refusal


def route(exchange: Exchange, catalogs: Catalogs) -> None:
    """Fill in the route of a `tools/call`, or refuse it (-32602, as the protocol has it for an unknown tool)."""
    message, _, answer, snapshot = exchange.known
    name = require_text(message.params, "name")
    _, environment, _ = parse_ref(answer.ref)
    found = catalogs.get(snapshot, environment, fresh=False).merged.routes.get(name)
    if found is None:
        catalog = catalogs.get(snapshot, environment, fresh=True)
        found = catalog.merged.routes.get(name)
        if found is None:
            reason = f"There is no tool {name[:64]!r} in this workspace."
            if catalog.missing:
                reason += f" Not answering at the moment: {', '.join(server.name for server in catalog.missing)}."
            raise Refusal(200, INVALID_PARAMS, reason, decision="unknown_tool")
    exchange.route = found
