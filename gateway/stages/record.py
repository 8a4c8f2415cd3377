"""Record: the end of a call, as it goes to its stream.

Rule: every call that was noted as begun is ended here, once, whatever became of it.
"""

from common import clock
from common.admission.records import Ending
from gateway.directory.callers import parse_caller
from gateway.exchange import Exchange
from gateway.recorder import Recorder


def record(exchange: Exchange, recorder: Recorder) -> None:
    answer = exchange.answer
    if answer is None or not (exchange.noted or answer.in_doubt):
        return
    exchange.answer = None  # it is recorded
    if not exchange.noted:
        recorder.end_in_doubt(exchange.slug, exchange.digest, exchange.call_id)
        return
    caller = parse_caller(answer.ref)
    message, target = exchange.message, exchange.route
    recorder.end(
        Ending(
            exchange.slug,
            exchange.call_id,
            {
                # Redis' clock, not this machine's: the records of many gateways are in one order.
                "at_us": answer.time_us,
                "workspace": exchange.snapshot.workspace_id if exchange.snapshot else "",
                "environment": caller.environment,
                "token": caller.token,
                "member": caller.member,
                "server": target.server.id if target else "",
                "tool": target.name if target else "",
                "method": message.method if message else "",
                "outcome": exchange.outcome,
                "decision": exchange.decision,
                "duration_us": clock.now_us() - exchange.began_us,
                "upstream_us": exchange.upstream_us,
                "request_bytes": exchange.request_bytes,
                "response_bytes": exchange.response_bytes,
                "client": exchange.client,
                "protocol": exchange.spoken.version if exchange.spoken else "",
            },
        )
    )
