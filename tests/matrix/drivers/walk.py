"""A walk through the steps of a plan with any client of Python, and what was seen at each.

Rule: standard library only, for each client has an environment of its own. What the client raises is seen, not raised.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

# A call that is to be cancelled says at once that it is running; the rest is for a crowded machine.
SECONDS_TO_BEGIN = 15

# Between two looks at what takes a second or two to come.
SECONDS_BETWEEN = 0.2

Step = dict[str, Any]
Seen = dict[str, Any]


class Progress(Protocol):
    async def __call__(self, progress: float, total: float | None, message: str | None) -> None: ...


class Caller(Protocol):
    """A connected client; results are as they are on the wire."""

    async def names(self, kind: str) -> list[str]: ...

    async def call(self, tool: str, arguments: dict[str, Any], progress: Progress | None) -> dict[str, Any]: ...

    async def prompt(self, name: str, arguments: dict[str, str]) -> dict[str, Any]: ...

    async def read(self, uri: str) -> dict[str, Any]: ...


def wire(result: Any) -> dict[str, Any]:
    """A result of the official package as it is on the wire."""
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


async def names_on_all_pages(kind: str, fetch: Callable[[str | None], Awaitable[Any]]) -> list[str]:
    """Resources go by their addresses; `fetch` is told the cursor."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = wire(await fetch(cursor))
        found += [one["uri" if kind == "resources" else "name"] for one in page[kind]]
        if (cursor := page.get("nextCursor")) is None:
            return found


Walk = Callable[[dict[str, Any]], Awaitable[Seen]]


async def walk(caller: Caller, steps: list[Step]) -> Seen:
    walker = Walker(caller)
    return {step["name"]: await walker.take(step) for step in steps}


class Walker:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._cancelled_at = time.monotonic()

    async def take(self, step: Step) -> Seen:
        reports: list[tuple[float, float | None, str | None]] = []
        try:
            match step["do"]:
                case "list":
                    return {"names": await self._caller.names(step["kind"])}
                case "prompt":
                    return {"result": await self._caller.prompt(step["prompt"], step["arguments"])}
                case "read":
                    return {"result": await self._caller.read(step["uri"])}
                case "cancel":
                    await self._cancel(step, reports)
                    return {"progress": reports}
                case "ask":
                    return {"result": await self._ask(step)}
                case _:
                    result = await self._call(step, _into(reports) if step["progress"] else None)
                    return {"result": result, "progress": reports}
        except Exception as error:  # noqa: BLE001 — whatever a client makes of an answer is what the test wants to see
            told = getattr(error, "error", None)
            if told is None:
                return {"fault": repr(error), "progress": reports}
            return {"error": {"code": told.code, "message": told.message}, "progress": reports}

    async def _call(self, step: Step, progress: Progress | None = None) -> dict[str, Any]:
        return await self._caller.call(step["tool"], step["arguments"], progress)

    async def _cancel(self, step: Step, reports: list[Any]) -> None:
        running = asyncio.Event()
        call = asyncio.create_task(self._call(step, _into(reports, running)))
        await asyncio.wait_for(running.wait(), SECONDS_TO_BEGIN)
        call.cancel()
        self._cancelled_at = time.monotonic()
        await asyncio.wait([call])

    async def _ask(self, step: Step) -> dict[str, Any]:
        """The call again and again until it says what is expected, or has had its time since a call was cancelled."""
        while True:
            result = await self._call(step)
            is_late = time.monotonic() > self._cancelled_at + step["seconds"]
            if result["content"][0]["text"] == step["says"] or is_late:
                return result
            await asyncio.sleep(SECONDS_BETWEEN)


def _into(reports: list[Any], running: asyncio.Event | None = None) -> Progress:
    async def note(progress: float, total: float | None, message: str | None) -> None:
        reports.append((progress, total, message))
        if running is not None:
            running.set()

    return note


def main(run: Walk) -> None:
    """Each run of the plan on stdin, one after the other; what was seen, by the names of runs, on stdout."""
    plan = json.load(sys.stdin)

    async def all_runs() -> Seen:
        return {one["client"]: await _seen(run, one) for one in plan}

    print(json.dumps(asyncio.run(all_runs())))


async def _seen(run: Walk, one: dict[str, Any]) -> Seen:
    try:
        return await run(one)
    except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 — a connection that fails has been seen to fail
        return {"fault": repr(error)}
