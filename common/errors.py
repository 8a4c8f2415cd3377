"""What can be wrong with a request, in the product's own words.

Rule: an error knows its code and a sentence for a tired person; it knows no HTTP status.
Each edge has one total table from code to what it shows.
"""

from typing import Any, ClassVar


class DomainError(Exception):
    """`code` is stable and snake_case; `message` says what to do; `details` holds JSON values only."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class NotFound(DomainError):
    code = "not_found"

    def __init__(self, message: str = "There is nothing here, or you have no access to it.") -> None:
        super().__init__(message)


class Forbidden(DomainError):
    code = "forbidden"


class Invalid(DomainError):
    """`field` names the form field or JSON member at fault."""

    code = "invalid"

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message, field=field)
        self.field = field


class Conflict(DomainError):
    """What is asked contradicts what is there; `field` names the member at fault, when one is."""

    code = "conflict"

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message, field=field)
        self.field = field


class PlanLimitReached(DomainError):
    code = "plan_limit_reached"

    def __init__(self, limit: str, current: int, maximum: int) -> None:
        super().__init__(
            f"Your plan allows {maximum} {limit}, and you have {current}. Upgrade the plan or remove one first.",
            limit=limit,
            current=current,
            maximum=maximum,
        )
        self.limit, self.current, self.maximum = limit, current, maximum


class WorkspaceFrozen(DomainError):
    code = "workspace_frozen"


class WorkspaceOffboarding(DomainError):
    code = "workspace_offboarding"


class SignInRefused(DomainError):
    code = "sign_in_refused"


class TooManyAttempts(DomainError):
    code = "too_many_attempts"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many attempts. Try again in {retry_after} seconds.", retry_after=retry_after)
        self.retry_after = retry_after


class UpstreamRefused(DomainError):
    """A server that somebody wants to add does not answer as an MCP server should."""

    code = "upstream_refused"


class Unavailable(DomainError):
    """Something that we need is down; nothing was changed."""

    code = "unavailable"
