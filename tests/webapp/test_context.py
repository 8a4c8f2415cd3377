"""Nothing exists for somebody who has not signed in."""

import pytest

from common.errors import NotFound
from tests.cast import Cast


def test_who_has_not_signed_in_is_nobody(cast: Cast):
    with cast.resources.transaction(write=False) as ctx, pytest.raises(NotFound):
        ctx.require_actor()


def test_the_actor_is_who_signed_in(cast: Cast):
    with cast.looks(cast.bob) as ctx:
        assert ctx.require_actor() is cast.bob
