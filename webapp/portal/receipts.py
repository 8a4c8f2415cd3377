"""Receipts: what a person is told once access has been closed.

Rule: says *confirmed* only when the transaction holds a receipt; without one it says that it is not confirmed yet.
"""

from flask import flash, redirect

from common import clock
from common.admission.records import Receipt
from webapp.portal.door import Body

_PENDING = (
    "This is on record, but not yet confirmed by every gateway. It is being repeated until it is; "
    "until then a gateway may answer that it is busy."
)


def render_receipt(
    done: str, receipt: Receipt | None, target: str, *, asked: bool = True, ended: str | None = None
) -> Body:
    """Back to `target`, saying what was done and what was confirmed; `asked` False: there was nothing to confirm.

    `ended`: what is said of open calls where the receipt counts others too: it counts all of a token or a workspace.
    """
    if not asked:
        flash(done, "good")
    elif receipt is None:
        flash(f"{done} {_PENDING}", "wait")
    else:
        at = clock.from_us(receipt.confirmed_at_us).strftime("%H:%M:%S UTC")
        flash(f"{done} Confirmed at {at}: it holds in every gateway. {ended or _streams(receipt.streams_told)}", "good")
    return redirect(target, 303)


def _streams(told: int) -> str:
    if told == 0:
        return "No call or stream was open."
    return f"{told} open {'call or stream was' if told == 1 else 'calls and streams were'} told to stop."
