"""A browser without a window: keeps cookies, and sends each form with the token of the page that it stands on."""

import re
from html import unescape
from typing import Self

from flask import Flask
from werkzeug.test import TestResponse

from common.models import User
from tests.cast import PASSWORD

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_OF_ONE_ANSWER = re.compile(r'nonce="[^"]*"|name="csrf_token" value="[^"]*"')
_TAGS = re.compile(r"<[^>]*>")

BEGIN_A_SESSION = ("/sign-in", "/sign-up")


class Browser:
    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()
        self._token: str | None = None

    def sign_in(self, user: User) -> Self:
        answer = self.post("/sign-in", email=user.email, password=PASSWORD)
        assert answer.status_code == 303, answer.text
        return self

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, buffered=True)

    def post(self, path: str, /, **form: object) -> TestResponse:
        answer = self.client.post(path, data={"csrf_token": self.token(), **form})
        if path in BEGIN_A_SESSION:
            self._token = None
        return answer

    def follow(self, answer: TestResponse) -> TestResponse:
        assert answer.status_code == 303, answer.text
        return self.get(answer.headers["Location"])

    def token(self) -> str:
        """The token of any page that has a form; it holds for the session."""
        if self._token is None:
            found = _TOKEN.search(self.get("/settings").text) or _TOKEN.search(self.get("/sign-up").text)
            assert found is not None
            self._token = str(found[1])
        return self._token


def lasting(answer: TestResponse) -> str:
    """The page without what differs in every answer."""
    return _OF_ONE_ANSWER.sub("", answer.text)


def words(answer: TestResponse) -> str:
    """What the page says, in one line."""
    return " ".join(unescape(_TAGS.sub(" ", answer.text)).split())
