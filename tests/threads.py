"""Doing something in several threads at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def at_once(count: int, work: Callable[[int], object]) -> None:
    """Each of so many threads does `work`, told its number; what one of them raised is raised here in the end."""
    with ThreadPoolExecutor(count) as threads:
        running = [threads.submit(work, number) for number in range(count)]
    for each in running:
        each.result()
