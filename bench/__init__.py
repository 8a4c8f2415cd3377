"""What is measured and how. Results are kept as data in results/."""


class Wrong(Exception):
    """A measurement that does not count, and why."""
