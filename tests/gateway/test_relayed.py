"""Answers of clients find whoever waits for them, and nothing else finds anybody."""

import json
from typing import Any

import pytest

from gateway.protocol.jsonrpc import ClientReply, Members
from gateway.relayed import Client, RelayedRequests
from gateway.signals import Replied

HERE, ELSEWHERE = "0" * 12, "f" * 12
KEY, OLD_KEY = b"k" * 32, b"o" * 32
CLIENT = Client("demo", b"digest", "a" * 32)


class Board:
    """Delivers what is for this process, and keeps the rest."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Replied]] = []
        self._listeners: list[Any] = []

    def on(self, kind: Any, do: Any) -> None:
        self._listeners.append(do)

    def tell(self, boot: str, signal: Replied) -> bool:
        if boot == HERE:
            for do in self._listeners:
                do(signal)
        else:
            self.sent.append((boot, signal))
        return True


@pytest.fixture
def board() -> Board:
    return Board()


def a_process(board: Board, boot: str = HERE, keys: tuple[bytes, ...] = (KEY,)) -> RelayedRequests:
    return RelayedRequests(boot, keys, board)  # type: ignore[arg-type]  # what a board does is all that counts


def reply_to(relayed_id: str) -> ClientReply:
    return ClientReply(json.dumps(relayed_id).encode(), {})


def test_the_answer_is_handed_over_once(board: Board):
    answers: list[Members] = []
    relayed = a_process(board)
    asked = relayed.ask(CLIENT, answers.append)
    relayed.hand_over(CLIENT, reply_to(asked))
    relayed.hand_over(CLIENT, reply_to(asked))
    assert len(answers) == 1


def test_another_process_sends_it_to_the_one_that_waits(board: Board):
    asked = a_process(board).ask(CLIENT, lambda _: None)
    a_process(board, boot=ELSEWHERE, keys=(b"n" * 32, KEY)).hand_over(CLIENT, reply_to(asked))
    there = a_process(board, boot=ELSEWHERE).ask(CLIENT, lambda _: None)
    a_process(board).hand_over(CLIENT, reply_to(there))
    assert [boot for boot, _ in board.sent] == [ELSEWHERE]


@pytest.mark.parametrize("other", [CLIENT._replace(session="b" * 32), CLIENT._replace(slug="other")])
def test_nobody_answers_for_another_session(board: Board, other: Client):
    answers: list[Members] = []
    relayed = a_process(board)
    asked = relayed.ask(CLIENT, answers.append)
    relayed.hand_over(other, reply_to(asked))
    assert answers == []


def test_made_up_ids_reach_no_process(board: Board):
    relayed = a_process(board)
    genuine = a_process(board, boot=ELSEWHERE, keys=(OLD_KEY,)).ask(CLIENT, lambda _: None)
    for made_up in ("", "1", f"{ELSEWHERE}-1", f"{ELSEWHERE}-1-{'0' * 16}", genuine, f"{HERE}-{'f' * 40}-{'0' * 16}"):
        relayed.hand_over(CLIENT, reply_to(made_up))
    relayed.hand_over(CLIENT, ClientReply(b"7", {}))
    assert board.sent == []


def test_an_answer_that_nobody_waits_for_any_more_is_dropped(board: Board):
    answers: list[Members] = []
    relayed = a_process(board)
    asked = relayed.ask(CLIENT, answers.append)
    relayed.withdraw(asked)
    relayed.hand_over(CLIENT, reply_to(asked))
    assert answers == []
