"""What the story of a chaos shows: broken promises, and figures.

Rule: pure. A broken promise is a sentence with what shows it; none means that all were kept.
"""

import re
from collections import Counter
from collections.abc import Iterator
from statistics import quantiles
from typing import Any

from soaks.callers import Made
from soaks.calls import Outcome
from soaks.chaos import RECOVERY_SECONDS, WELL, Round, Story
from soaks.report import Report

# Beyond the timeout of a call: for the way there and back, on a machine where all of it shares two cores.
MARGIN_SECONDS = 1.0
# Of calls to the server that was left alone, and of lists: the same, for they wait for nobody.
UNDISTURBED_SECONDS = 1.0
# What a gateway may hold beside what it held before: connections of the pool, of which idle ones are kept for a while.
MORE_DESCRIPTORS = 64
SHOWN = 3

MAY_HAVE_RUN = "may have run"


def report_on(story: Story) -> Report:
    return Report(list(_broken(story)), _figures(story))


def _broken(story: Story) -> Iterator[str]:
    longest = story.wishes.timeout + MARGIN_SECONDS
    well = [made for made in story.made if made.call.server == WELL]
    yield from _some("wrong answers", [m for m in story.made if m.verdict.outcome is Outcome.WRONG])
    yield from _some(f"calls that took longer than {longest} s", [m for m in story.made if m.seconds > longest])
    yield from _some(
        "calls that suffered with a server that was left alone",
        [m for m in well if m.verdict.outcome is not Outcome.RIGHT or m.seconds > UNDISTURBED_SECONDS],
    )
    yield from _some(
        "lists that were wrong or slow",
        [e for e in story.listed if e.verdict.outcome is Outcome.WRONG or e.ended - e.began > UNDISTURBED_SECONDS],
    )
    for number, each in enumerate(story.rounds, 1):
        if (took := recovery_seconds(each, story.made)) > RECOVERY_SECONDS:
            hit = "; ".join(map(str, each.faults))
            yield f"round {number} ({hit}): calls were steady {took:.1f} s after the servers were back, not before"
    yield from _told_wrong(story)
    yield from _recorded_wrong(story)
    if story.before.pids != story.after.pids:
        yield f"the gateway's processes were {story.before.pids} and are {story.after.pids}"
    if story.after.descriptors > story.before.descriptors + MORE_DESCRIPTORS:
        yield f"the gateway held {story.before.descriptors} descriptors and holds {story.after.descriptors}"
    yield from _some("errors in the gateway's log", story.complaints)


def _told_wrong(story: Story) -> Iterator[str]:
    """What reached a server, against what the clients were told of it."""
    for server, reached in story.reached.items():
        yield from _some(f"calls that reached {server} twice", [nonce for nonce, count in reached.items() if count > 1])
    yield from _some(
        "right answers to calls that never reached their server",
        [
            m
            for m in story.made
            if m.verdict.outcome is Outcome.RIGHT and not story.reached[m.call.server][m.call.nonce]
        ],
    )
    yield from _some(
        "calls that ran although their client was told that they did not",
        [
            m
            for m in story.made
            if m.verdict.outcome is Outcome.FAULT
            and MAY_HAVE_RUN not in m.verdict.words
            and story.reached[m.call.server][m.call.nonce]
        ],
    )


def _recorded_wrong(story: Story) -> Iterator[str]:
    records, counts = story.records, _outcomes(story.made)
    if len(records.ids) != story.requests or len(set(records.ids)) != len(records.ids):
        yield f"{story.requests} requests were made, and {len(records.ids)} records kept of {len(set(records.ids))}"
    for outcome, recorded in ((Outcome.RIGHT, "ok"), (Outcome.FAULT, "upstream_error")):
        if records.outcomes[recorded] != counts[outcome]:
            yield f"{counts[outcome]} calls were {outcome}, and {records.outcomes[recorded]} recorded as {recorded}"
    if records.open:
        yield f"{records.open} requests were begun and have no end on record"


def recovery_seconds(each: Round, made: list[Made]) -> float:
    """From the moment the servers were back to the last call that failed all the same, 0 when none did; where calls
    were too few to be called steady, until they were."""
    hit = {fault.server for fault in each.faults}
    failed = [
        m.began - each.back
        for m in made
        if m.call.server in hit
        and m.verdict.outcome is not Outcome.RIGHT
        and each.back < m.began
        and m.ended < each.ended
    ]
    waited = each.steady - each.back
    return max(failed, default=0.0) if waited < RECOVERY_SECONDS else waited


def _figures(story: Story) -> dict[str, Any]:
    well = [made.seconds for made in story.made if made.call.server == WELL]
    meanwhile = [m.seconds for m in story.made if m.call.server == WELL and _is_amid(story.rounds, m)]
    return {
        "seconds": round(story.rounds[-1].ended - story.began, 1),
        "rounds": [
            {
                "faults": "; ".join(map(str, each.faults)),
                "recovered_after_seconds": round(recovery_seconds(each, story.made), 2),
            }
            for each in story.rounds
        ],
        "calls": len(story.made),
        "right": _outcomes(story.made)[Outcome.RIGHT],
        "faults": _outcomes(story.made)[Outcome.FAULT],
        "calls_of_the_server_left_alone": len(well),
        "longest_call_seconds": round(max(made.seconds for made in story.made), 3),
        "left_alone_p99_ms": _p99_ms(well),
        "left_alone_p99_ms_while_others_were_tormented": _p99_ms(meanwhile),
        "left_alone_longest_ms": round(max(well) * 1000, 1),
        "lists": len(story.listed),
        "longest_list_ms": round(max(each.ended - each.began for each in story.listed) * 1000, 1),
        "decisions_on_record": dict(story.records.decisions.most_common()),
        "sentences": dict(sentences(story.made).most_common()),
        "gateway_mib": [story.before.resident_mib, story.after.resident_mib],
        "gateway_descriptors": [story.before.descriptors, story.after.descriptors],
    }


def sentences(made: list[Made]) -> Counter[str]:
    """What the clients were told, with N for every number."""
    return Counter(re.sub(r"\d+", "N", m.verdict.words) for m in made if m.verdict.outcome is Outcome.FAULT)


def _outcomes(made: list[Made]) -> Counter[Outcome]:
    return Counter(each.verdict.outcome for each in made)


def _is_amid(rounds: list[Round], made: Made) -> bool:
    return any(each.began < made.began < each.back for each in rounds)


def _p99_ms(seconds: list[float]) -> float:
    return round(quantiles(seconds, n=100)[98] * 1000, 1) if len(seconds) > 1 else 0.0


def _some(what: str, found: list[Any]) -> Iterator[str]:
    if found:
        yield f"{len(found)} {what}, such as {found[:SHOWN]}"
