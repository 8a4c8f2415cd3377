"""Errors as pages: one total table from code to status and sentence.

Rule: a thing one may not see and a thing that does not exist get the same page, byte for byte. Nothing internal is
ever shown; what nobody expected is logged with the request's id, and the page names that id.
"""

from dataclasses import dataclass

import structlog
from flask import Flask, Response, g, make_response, render_template
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from common.errors import DomainError, NotFound, TooManyAttempts, Unavailable

log = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Shown:
    status: int
    title: str
    icon: str = "alert-triangle"


PAGES = {
    "error": Shown(400, "That did not work"),
    "not_found": Shown(404, "Not found", "search"),
    "forbidden": Shown(403, "Not yours to change", "lock"),
    "invalid": Shown(422, "That does not fit"),
    "conflict": Shown(409, "That is taken"),
    "plan_limit_reached": Shown(403, "Plan limit reached"),
    "workspace_frozen": Shown(423, "The workspace is frozen", "lock"),
    "workspace_offboarding": Shown(423, "The workspace is being closed", "lock"),
    "sign_in_refused": Shown(403, "Not signed in", "lock"),
    "too_many_attempts": Shown(429, "Too many attempts", "clock"),
    "upstream_refused": Shown(422, "The server did not answer as it should"),
    "unavailable": Shown(503, "Back in a moment", "clock"),
}

_OF_HTTP = {
    400: ("That request made no sense", "The form may be damaged. Go back, reload the page and try again."),
    405: ("That does not work here", "This address takes another kind of request."),
    413: ("Too much at once", "What was sent is larger than anything this page takes."),
}
_EXPIRED = (
    "This form has expired",
    "You may have been signed out since. Go back, reload the page and send it again. Nothing was changed.",
)
_UNEXPECTED = ("Something broke on our side", "Nothing was changed, and it is on record. If it happens again, name")


def mark(response: Response, error: DomainError) -> Response:
    """Give a page that tells of an error its status, and say when to come back where that would help."""
    response.status_code = PAGES[error.code].status
    if isinstance(error, TooManyAttempts):
        response.headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, Unavailable):
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def install(app: Flask) -> None:
    @app.errorhandler(DomainError)
    def refuse(error: DomainError) -> Response:
        shown = PAGES[error.code]
        return mark(_page(shown, error.message), error)

    @app.errorhandler(CSRFError)
    def expire(error: CSRFError) -> Response:
        return _page(Shown(400, _EXPIRED[0], "clock"), _EXPIRED[1])

    @app.errorhandler(HTTPException)
    def translate(error: HTTPException) -> Response | HTTPException:
        if error.code == 404:
            return refuse(NotFound())
        if error.code not in _OF_HTTP:
            return error
        title, sentence = _OF_HTTP[error.code]
        response = _page(Shown(error.code, title), sentence)
        response.headers.extend((name, value) for name, value in error.get_headers() if name == "Allow")
        return response

    @app.errorhandler(Exception)
    def stumble(error: Exception) -> Response:
        log.error("unexpected", exc_info=error, request_id=g.get("request_id"))
        return _page(Shown(500, _UNEXPECTED[0]), f"{_UNEXPECTED[1]} {g.get('request_id', 'the time')}.")


def _page(shown: Shown, sentence: str) -> Response:
    body = render_template("errors/error.html", title=shown.title, sentence=sentence, name=shown.icon)
    return make_response(body, shown.status)
