"""The settings of the portal, its API and its jobs.

Rule: read once, at the start; a process that cannot run with them does not start, and says which variable is at fault.
"""

from dataclasses import dataclass, field
from typing import Self

from common.settings import Environment, SettingsError, SharedSettings, shared_fields

SECRET_KEY_LENGTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalSettings(SharedSettings):
    """`secret_key` signs cookies and forms."""

    secret_key: str = field(repr=False)

    @classmethod
    def read(cls, environment: Environment) -> Self:
        secret_key = environment.text("SECRET_KEY")
        if len(secret_key) < SECRET_KEY_LENGTH:
            raise SettingsError(f"SECRET_KEY must have at least {SECRET_KEY_LENGTH} characters.")
        return cls(secret_key=secret_key, **shared_fields(environment))

    @property
    def is_https(self) -> bool:
        return self.portal_url.startswith("https://")
