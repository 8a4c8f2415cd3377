"""The context: who asks, when, and what must follow the commit.

Rule: services take it and nothing else of the world around them. They collect what opens or closes access in it;
`webapp.transaction` makes it effective. Knows nothing of HTTP.
"""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from common.admission.records import Closing, Opening, Receipt
from common.errors import NotFound
from common.models import User
from common.sealing.keyring import Keyring
from common.settings import SharedSettings


@dataclass(slots=True, kw_only=True)
class Context:
    """`actor` None is the operator, a job, or somebody who has not signed in.

    `session` must keep its objects readable after the commit (`expire_on_commit=False`). `receipt` is set by the
    transaction when every closing change has been confirmed; None means revoked, but not yet confirmed.
    """

    session: Session
    actor: User | None
    now: datetime
    address: str
    request_id: str
    settings: SharedSettings
    keyring: Keyring
    closings: list[Closing] = field(default_factory=list)
    openings: list[Opening] = field(default_factory=list)
    receipt: Receipt | None = None

    def require_actor(self) -> User:
        """The user who asks; to anybody else nothing exists."""
        if self.actor is None:
            raise NotFound
        return self.actor
