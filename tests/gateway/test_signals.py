"""What one process tells, every listener of the others hears, whatever befalls one of them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from threading import Event, Thread

import pytest

from common import redis_keys
from common.admission.line import connect
from common.errors import Unavailable
from common.signals import Signals
from gateway.signals import Cancelled, Changed, Replied, Returned, SignalBoard
from tests.real.valkey import RealValkey
from tests.waiting import until

TOOLS = Changed("demo", "prod", "tools/list")
PROMPTS = Changed("demo", "prod", "prompts/list")
REPLIED = Replied("boot-1", "demo", b"\xff" * 32, "0" * 32, b'{"result":{}}')


class Gateway:
    """A process's board, read by a thread of its own; `heard` is what its two listeners of each kind were told."""

    def __init__(self, url: str, boot: str) -> None:
        self.client = connect(url)
        self.boot = boot
        self.signals = Signals(self.client, boot)
        self.board = SignalBoard(self.signals, boot)
        self.heard: list[object] = []
        self.over = Event()
        self.client.set(redis_keys.gateway(boot), "1")
        self.signals.read(1)  # from now on
        self.thread = Thread(target=self.read)
        for kind in (Changed, Replied, Cancelled, Returned):
            self.board.on(kind, self.heard.append)
        self.thread.start()

    def read(self) -> None:
        while not self.over.is_set():
            try:
                self.board.run()
            except Unavailable:
                self.over.wait(0.01)

    def close(self) -> None:
        """A loop that runs for ever ends when its Redis does not answer any more."""
        self.over.set()
        self.signals.read = refuse  # type: ignore[method-assign]  # the next reading is the last
        self.thread.join()
        self.signals.close()
        self.client.close()


def refuse(block_ms: int) -> list[bytes]:
    raise Unavailable("over")


@pytest.fixture
def join(redis_url: str) -> Iterator[Callable[[str], Gateway]]:
    with ExitStack() as stack:
        yield lambda boot: stack.enter_context(closing(Gateway(redis_url, boot)))


Join = Callable[[str], Gateway]


def test_what_is_told_to_all_is_heard_once_here_and_everywhere(join: Join):
    here, there = join("a"), join("b")
    here.board.tell_all(TOOLS)
    assert here.heard == [TOOLS], "here at once"
    there.board.tell_all(PROMPTS)
    until(lambda: PROMPTS in here.heard and TOOLS in there.heard)
    assert here.heard == [TOOLS, PROMPTS]
    assert sorted(there.heard, key=str) == sorted([TOOLS, PROMPTS], key=str)


def test_what_is_told_to_one_is_heard_there_only(join: Join):
    here, there, elsewhere = join("a"), join("b"), join("c")
    assert here.board.tell("b", REPLIED)
    assert here.board.tell("a", Returned("tag"))
    until(lambda: there.heard)
    here.board.tell_all(TOOLS)
    until(lambda: elsewhere.heard)
    assert (here.heard, there.heard[0], elsewhere.heard) == ([Returned("tag"), TOOLS], REPLIED, [TOOLS])


def test_a_process_that_has_ended_is_not_told(join: Join):
    assert not join("a").board.tell("gone", REPLIED)


def test_a_listener_that_fails_keeps_nothing_from_the_others(join: Join):
    here, there = join("a"), join("b")

    def fail(_: object) -> None:
        raise RuntimeError("a listener with a fault of its own")

    here.board.on(Changed, fail)
    there.board.on(Changed, fail)
    later: list[Changed] = []
    there.board.on(Changed, later.append)
    here.board.tell_all(TOOLS)
    here.board.tell_all(PROMPTS)
    until(lambda: len(later) == 2)
    assert later == there.heard == [TOOLS, PROMPTS]


def test_what_another_release_says_is_left_alone(join: Join):
    here, there = join("a"), join("b")
    for body in (b"", b"\x92\xa7Unknown\x01", b"no signal at all"):
        here.signals.broadcast(body)
    here.board.tell_all(TOOLS)
    until(lambda: there.heard)
    assert there.heard == [TOOLS]


def test_without_redis_it_is_heard_here_and_nobody_fails(join: Join, valkey: RealValkey):
    here, there = join("a"), join("b")
    valkey.stop()
    try:
        here.board.tell_all(TOOLS)
        assert not here.board.tell("b", REPLIED)
        assert here.board.tell("a", REPLIED)
    finally:
        valkey.start()
    assert here.heard == [TOOLS, REPLIED]
    here.board.tell_all(PROMPTS)
    until(lambda: PROMPTS in there.heard)
    assert there.heard == [PROMPTS], "what Redis never had was a hint"
