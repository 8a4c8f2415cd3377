"""Settings: read once, at the start, into one frozen dataclass a process.

Rule: a process refuses to start with a sentence that names the variable at fault. Nothing else reads `os.environ`.
"""

import base64
import binascii
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Protocol, Self, TypeVar
from urllib.parse import urlsplit

from common.plans import PLANS

Network = IPv4Network | IPv6Network

MASTER_KEY_BYTES = 32


class SettingsError(Exception):
    """A setting is missing or makes no sense; the message names it and says what it takes."""


class Environment:
    """Reads typed values out of a mapping of strings; each method raises SettingsError naming the variable."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def text(self, name: str, default: str | None = None) -> str:
        value = self._variables.get(name, "").strip() or default
        if value is None:
            raise SettingsError(f"{name} is not set.")
        return value

    def find(self, name: str) -> str | None:
        return self._variables.get(name, "").strip() or None

    def integer(self, name: str, default: int, *, minimum: int, maximum: int) -> int:
        return int(self._number(name, default, int, minimum, maximum))

    def number(self, name: str, default: float, *, minimum: float, maximum: float) -> float:
        return self._number(name, default, float, minimum, maximum)

    def flag(self, name: str) -> bool:
        value = self.text(name, "0").lower()
        if value not in ("0", "1", "false", "true", "no", "yes"):
            raise SettingsError(f"{name} must be 1 or 0, not {value!r}.")
        return value in ("1", "true", "yes")

    def words(self, name: str, default: str = "") -> tuple[str, ...]:
        """A comma-separated list."""
        return tuple(word.strip() for word in self._variables.get(name, default).split(",") if word.strip())

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in allowed:
            raise SettingsError(f"{name} must be one of {', '.join(allowed)}, not {value!r}.")
        return value

    def base_url(self, name: str, default: str) -> str:
        """An http(s) address without a trailing slash."""
        value = self.text(name, default).rstrip("/")
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise SettingsError(f"{name} must be an address such as https://tools.example.com, not {value!r}.")
        return value

    def networks(self, name: str) -> tuple[Network, ...]:
        """Networks in CIDR form."""
        try:
            return tuple(ip_network(word) for word in self.words(name))
        except ValueError as error:
            raise SettingsError(f"{name} must be networks such as 10.0.0.0/8,fd00::/8: {error}.") from None

    def master_keys(self, name: str) -> tuple[bytes, ...]:
        """Keys of 32 bytes in base64, the newest first."""
        words = self.words(name)
        if not words:
            raise SettingsError(f"{name} is not set: it takes one or more keys of 32 bytes in base64, newest first.")
        return tuple(self._key(name, word) for word in words)

    def _key(self, name: str, word: str) -> bytes:
        try:
            key = base64.b64decode(word, validate=True)
        except binascii.Error:
            key = b""
        if len(key) != MASTER_KEY_BYTES:
            raise SettingsError(f"{name} holds a key that is not 32 bytes in base64.")
        return key

    def _number(self, name: str, default: float, parse: Callable[[str], float], low: float, high: float) -> float:
        text = self.find(name)
        if text is None:
            return default
        try:
            value = parse(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise SettingsError(f"{name} must be a number from {low} to {high}, not {text!r}.")
        return value


def read_environment() -> Environment:
    return Environment(os.environ)


class Readable(Protocol):
    """Settings of one process."""

    @classmethod
    def read(cls, environment: Environment) -> Self: ...


S = TypeVar("S", bound=Readable)


def read_or_exit(kind: type[S], process: str) -> S:
    """This process's settings; where one of them makes no sense, the process ends with the sentence alone."""
    try:
        return kind.read(read_environment())
    except SettingsError as error:
        raise SystemExit(f"{process}: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedSettings:
    """What every process needs to know. `rate_window_us` in microseconds; the URLs have no trailing slash."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    master_keys: tuple[bytes, ...] = field(repr=False)
    portal_url: str
    gateway_url: str
    rate_window_us: int
    trusted_proxies: int
    allowed_origins: tuple[str, ...]
    allow_private_upstreams: tuple[Network, ...]
    allow_http_upstreams: bool
    default_plan: str
    regions: tuple[str, ...]


def shared_fields(environment: Environment) -> dict[str, Any]:
    """The fields of SharedSettings, for the settings of one process to be built from."""
    return {
        "database_url": _database_url(environment.text("DATABASE_URL", "sqlite:///var/stoa.db")),
        "redis_url": environment.text("REDIS_URL"),
        "master_keys": environment.master_keys("STOA_MASTER_KEYS"),
        "portal_url": environment.base_url("STOA_PORTAL_URL", "http://localhost:8000"),
        "gateway_url": environment.base_url("STOA_GATEWAY_URL", "http://localhost:8080"),
        "rate_window_us": round(environment.number("STOA_RATE_WINDOW", 60, minimum=1e-6, maximum=3600) * 1_000_000),
        "trusted_proxies": environment.integer("STOA_TRUSTED_PROXIES", 0, minimum=0, maximum=10),
        "allowed_origins": environment.words("STOA_ALLOWED_ORIGINS"),
        "allow_private_upstreams": environment.networks("STOA_ALLOW_PRIVATE_UPSTREAMS"),
        "allow_http_upstreams": environment.flag("STOA_ALLOW_HTTP_UPSTREAMS"),
        "default_plan": environment.choice("STOA_DEFAULT_PLAN", "free", tuple(PLANS)),
        "regions": environment.words("STOA_REGIONS", "local") or ("local",),
    }


def _database_url(url: str) -> str:
    """Heroku-style `postgres://` and bare `postgresql://` name the driver that we ship."""
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise SettingsError("DATABASE_URL must begin with sqlite:/// or postgresql://.")
    return url
