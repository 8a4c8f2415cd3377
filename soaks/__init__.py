"""Hours of misfortune in a minute, and ten thousand open streams.

Rule: a soak asserts; it does not only measure. What came out is kept as data in docs/soaks/, with a page made from it.
"""


class Wrong(Exception):
    """A soak that could not be run, and why."""
