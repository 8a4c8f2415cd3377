"""UpstreamFault: why a server gave no answer, in words to act on.

Rule: a fault has a code for machines and one sentence for people and models, and it says
whether the request may have been carried out. No sentence holds credentials, a path, a query
or the address that a name leads to.
"""

CODES = frozenset(
    {
        "address_refused",
        "circuit_open",
        "cut",
        "dns",
        "invalid_json",
        "no_stream",
        "not_found",
        "not_mcp",
        "rate_limited",
        "refused",
        "reset",
        "server_error",
        "stream_taken",
        "timeout",
        "tls",
        "too_large",
        "unauthorized",
        "wrong_id",
    }
)

MAY_HAVE_RUN = "The call may have run: check before you call it again."


class UpstreamFault(Exception):
    """`retry_after` is in seconds, as the server asked; None when it did not. `is_unreached`: the time ran out before
    there was a connection."""

    def __init__(
        self,
        code: str,
        sentence: str,
        *,
        may_have_run: bool = False,
        retry_after: int | None = None,
        is_unreached: bool = False,
    ):
        if code not in CODES:
            raise ValueError(f"unknown fault code {code}")
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.may_have_run = may_have_run
        self.retry_after = retry_after
        self.is_unreached = is_unreached

    @property
    def call_sentence(self) -> str:
        """What the caller of a tool is told: the sentence, and whether calling again is safe."""
        return f"{self.sentence} {MAY_HAVE_RUN}" if self.may_have_run else self.sentence

    def again(self) -> "UpstreamFault":
        """The same fault for somebody else who waited for the same thing."""
        return UpstreamFault(self.code, self.sentence, may_have_run=self.may_have_run, retry_after=self.retry_after)
