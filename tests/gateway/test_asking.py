"""Many greenlets' questions become few pipelines, and nobody is left waiting."""

from collections.abc import Sequence
from typing import Any

import gevent
import pytest

from common.admission.ask import Asker
from common.admission.records import Answer, Question, Verdict
from gateway import asking
from gateway.asking import Questions, spawn_forever
from gateway.protocol.refusals import Refusal


class Redis(Asker):
    """Answers every question with its own call id as the reference, a moment later; or fails as told."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.fault: Exception | None = None
        self.verdict = Verdict.OK

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        self.batches.append(len(questions))
        gevent.sleep(0.01)
        if self.fault is not None:
            raise self.fault
        return [Answer(self.verdict, ref=question.call_id) for question in questions]


def question(number: int) -> Question:
    return Question("demo", b"d", str(number), 1, True)


@pytest.fixture
def redis() -> Redis:
    return Redis()


@pytest.fixture
def abandoned() -> list[str]:
    return []


@pytest.fixture
def questions(redis: Redis, abandoned: list[str]) -> Any:
    questions = Questions(redis, lambda each: abandoned.append(each.call_id))
    running = spawn_forever(questions.run, lambda fault: None)
    yield questions
    running.kill()


def test_questions_that_wait_share_a_pipeline_and_each_gets_its_own_answer(redis: Redis, questions: Questions):
    asking_now = [gevent.spawn(questions.ask, question(number)) for number in range(500)]
    answers = [each.get(timeout=5) for each in asking_now]
    assert [answer.ref for answer in answers] == [str(number) for number in range(500)]
    assert len(redis.batches) <= 4
    assert max(redis.batches) <= asking.MAX_BATCH


def test_a_fault_that_nobody_foresaw_wakes_everybody_and_the_next_question_is_answered(
    redis: Redis, questions: Questions
):
    redis.fault = RuntimeError("nobody foresaw this")
    waiting = [gevent.spawn(questions.ask, question(number)) for number in range(10)]
    assert {each.get(timeout=5).verdict for each in waiting} == {Verdict.UNAVAILABLE}
    redis.fault = None
    assert gevent.spawn(questions.ask, question(1)).get(timeout=5).verdict is Verdict.OK


def test_a_call_that_was_admitted_for_somebody_who_left_is_ended(
    redis: Redis, questions: Questions, abandoned: list[str]
):
    leaving = gevent.spawn(questions.ask, question(7))
    staying = gevent.spawn(questions.ask, question(8))
    gevent.sleep(0)
    leaving.kill()
    assert staying.get(timeout=5).ref == "8"
    assert abandoned == ["7"]


def test_a_refused_call_of_somebody_who_left_needs_no_end(redis: Redis, questions: Questions, abandoned: list[str]):
    redis.verdict = Verdict.LIMITED
    leaving = gevent.spawn(questions.ask, question(7))
    staying = gevent.spawn(questions.ask, question(8))
    gevent.sleep(0)
    leaving.kill()
    staying.get(timeout=5)
    assert abandoned == []


def test_when_too_many_wait_the_next_is_refused_at_once(redis: Redis):
    questions = Questions(redis, lambda each: None)  # nobody runs it, so everybody waits
    waiting = [gevent.spawn(questions.ask, question(number)) for number in range(asking.MAX_WAITING)]
    gevent.sleep(0)
    with pytest.raises(Refusal, match="overloaded") as refused:
        questions.ask(question(-1))
    assert refused.value.status == 503
    gevent.killall(waiting)
