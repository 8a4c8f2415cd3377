"""The product's name and version, as it tells them to whoever asks.

Rule: the version is the one of `pyproject.toml`. Knows nothing of when or from what it was built.
"""

NAME = "stoa"
VERSION = "0.1.0"
