"""Slug claims: one workspace takes one slug, for ever.

Rule: the claim is an insert that only one can win, and is never deleted; a taken or reserved slug gets a short
random suffix instead.
"""

import secrets
import uuid

from sqlalchemy.exc import IntegrityError

from common import slugs
from common.models import SlugClaim
from webapp.context import Context

# Without vowels and look-alikes, so that no suffix spells a word or is misread.
_ALPHABET = "bcdfghjkmnpqrstvwxz23456789"
_NAMELESS = "workspace"


def claim_slug(ctx: Context, name: str, workspace_id: uuid.UUID) -> str:
    """The slug that the name suggests, or the nearest one that is free."""
    base = slugs.slug_from(name)
    slug = base if base and not slugs.is_reserved(base) else _suffixed(base or _NAMELESS, 4)
    # Each further try has a longer suffix, so that the chance of yet another collision vanishes.
    for length in range(4, slugs.MAX_LENGTH // 2):
        if _has_claimed(ctx, slug, workspace_id):
            return slug
        slug = _suffixed(base or _NAMELESS, length)
    raise RuntimeError("No free slug was found.")


def _suffixed(base: str, length: int) -> str:
    return slugs.with_suffix(base, "".join(secrets.choice(_ALPHABET) for _ in range(length)))


def _has_claimed(ctx: Context, slug: str, workspace_id: uuid.UUID) -> bool:
    try:
        with ctx.session.begin_nested():
            ctx.session.add(SlugClaim(slug=slug, workspace_id=workspace_id))
    except IntegrityError:
        return False
    return True
