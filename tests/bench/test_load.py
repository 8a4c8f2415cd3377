from collections.abc import Callable

import pytest

from bench import Wrong
from bench.call import Call
from bench.load import load, parse_summary

GOOD = '{"requests":100,"microseconds":500000,"bytes":1,"non_2xx":0,"broken":0,"p50_us":1500,"p99_us":2000,"max_us":9}'


@pytest.mark.usefixtures("wrk")
def test_load_counts_right_answers(start_upstream: Callable[[str], str]) -> None:
    seen = load(Call(start_upstream("legacy"), "legacy", "echo"), connections=4, seconds=1)
    assert seen.calls > 100
    assert 0 < seen.p50_ms <= seen.p99_ms <= seen.max_ms


@pytest.mark.usefixtures("wrk")
def test_load_with_wrong_answers_does_not_count(start_upstream: Callable[[str], str]) -> None:
    with pytest.raises(Wrong, match="modern form"):
        load(Call(start_upstream("legacy"), "modern", "echo"), connections=1, seconds=10)


def test_the_last_line_of_wrk_is_its_summary() -> None:
    seen = parse_summary(f"Running 1s test\n\n{GOOD}\n", samples=5)
    assert (seen.calls, seen.calls_per_second, seen.p50_ms) == (105, 200.0, 1.5)


@pytest.mark.parametrize("fault", ['"non_2xx":1', '"broken":1', '"requests":0'])
def test_a_run_with_a_single_fault_does_not_count(fault: str) -> None:
    name = fault.partition(":")[0]
    value = GOOD.partition(f"{name}:")[2].partition(",")[0]
    with pytest.raises(Wrong, match="Not every answer"):
        parse_summary(GOOD.replace(f"{name}:{value}", fault), samples=0)


def test_a_summary_that_is_none_does_not_count() -> None:
    with pytest.raises(Wrong, match="said nothing"):
        parse_summary("unable to connect", samples=0)
