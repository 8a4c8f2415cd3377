"""Split: a batch into exchanges of its own (JSON-RPC 2.0 §6).

Rule: the batch has been admitted and noted as one. Each of its requests has its place in the window, and will have its
record; the first goes by the batch's own call id, so that its end takes the note away.
"""

from gevent.lock import BoundedSemaphore

from gateway.exchange import Exchange
from gateway.protocol.eras import read_meta, require_batches
from gateway.protocol.jsonrpc import Message
from gateway.protocol.methods import CALLS

# Of one batch; the others wait, so that it takes no more of a server than a busy client does.
BATCHED_AT_ONCE = 8
# What its answers may take together: they are held until the last of them is there.
BATCH_BYTES = 16 << 20


class Turns:
    """What the requests of a batch share: whose turn it is, and room for their answers."""

    def __init__(self) -> None:
        self.one = BoundedSemaphore(BATCHED_AT_ONCE)
        self._left = BATCH_BYTES

    def has_room(self, size: int) -> bool:
        self._left -= size
        return self._left >= 0


def split(batch: Exchange, requests: list[Message]) -> list[Exchange]:
    """One exchange for each request, in their order. From here on the batch itself has nothing to record."""
    if batch.spoken is not None:
        require_batches(batch.spoken.version)
    singles = [_single(batch, number, message) for number, message in enumerate(requests)]
    batch.answer = None
    return singles


def _single(batch: Exchange, number: int, message: Message) -> Exchange:
    single = Exchange(batch.environ, batch.began_us, f"{batch.call_id}-{number}" if number else batch.call_id)
    single.slug, single.digest = batch.slug, batch.digest
    single.message, single.is_call = message, message.method in CALLS
    single.client = batch.client
    single.spoken = batch.spoken._replace(meta=read_meta(message)) if batch.spoken is not None else None
    single.mcp_session_id, single.mcp_session = batch.mcp_session_id, batch.mcp_session
    single.answer, single.noted, single.snapshot = batch.answer, batch.noted, batch.snapshot
    single.is_batched = True
    return single
