"""What portal, jobs and operator work with: database, Redis, keys.

Rule: opened once per process, after any fork. Nothing here connects before it is used.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from common import clock, ids
from common.admission.line import connect
from common.admission.publish import Publisher
from common.db import make_engine
from common.models import User
from common.sealing.keyring import Keyring
from common.settings import SharedSettings
from webapp.context import Context
from webapp.transaction import transaction


@dataclass(frozen=True, slots=True)
class Resources:
    settings: SharedSettings
    engine: Engine
    keyring: Keyring
    publisher: Publisher

    @contextmanager
    def transaction(self, *, write: bool, actor: User | None = None) -> Iterator[Context]:
        """A session of its own and one transaction in it; see `webapp.transaction`."""
        with Session(self.engine, expire_on_commit=False) as session:
            ctx = Context(
                session=session,
                actor=actor,
                now=clock.now(),
                address="",
                request_id=ids.new_id().hex,
                settings=self.settings,
                keyring=self.keyring,
            )
            with transaction(ctx, self.publisher, write=write):
                yield ctx

    def close(self) -> None:
        self.engine.dispose()


def open_resources(settings: SharedSettings) -> Resources:
    return Resources(
        settings=settings,
        engine=make_engine(settings.database_url),
        keyring=Keyring(settings.master_keys),
        publisher=Publisher(connect(settings.redis_url)),
    )
