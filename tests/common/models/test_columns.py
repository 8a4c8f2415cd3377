"""What belongs to a workspace can only be found in it."""

from common.models import Environment, Server, Token, WorkspaceMember
from common.models.columns import OwnedByWorkspace
from tests.cast import Cast
from webapp.services import workspaces


def test_a_query_for_one_workspace_finds_nothing_of_another(cast: Cast):
    with cast.acts(cast.alice) as ctx:
        other = workspaces.create_workspace(ctx, cast.acme.id, name="Other")
    with cast.session() as session:
        assert [token.name for token in session.scalars(Token.owned_by(cast.workspace.id))] == ["Dana"]
        assert session.scalars(Token.owned_by(other.id)).all() == []


def test_every_owned_table_says_so():
    assert set(OwnedByWorkspace.__subclasses__()) == {Environment, Server, Token, WorkspaceMember}
