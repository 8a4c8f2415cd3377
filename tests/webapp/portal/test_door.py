"""Every address of the portal, asked by everybody: the owner, a teammate, a stranger and nobody."""

import uuid
from dataclasses import dataclass, field

import pytest
from flask import Flask

from common.models import Server, ServerAuth, Token, WorkspaceMember, WorkspaceStatus
from common.permissions import AccountRole, WorkspaceRole
from tests.cast import Cast, join
from tests.webapp.portal.browser import Browser, lasting, words
from upstream.fake import FakeUpstream


@dataclass(frozen=True)
class Address:
    """`least` is the least role in the workspace, or in the account, that may use it."""

    method: str
    path: str
    works: int
    least: WorkspaceRole | AccountRole = WorkspaceRole.MEMBER
    form: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


MEMBER, WRITER, ADMIN = WorkspaceRole.MEMBER, WorkspaceRole.WRITER, WorkspaceRole.ADMIN
W = "/workspaces/{workspace}"
S = W + "/servers/{server}"

ADDRESSES = [
    Address("GET", "/accounts/{account}", 200, AccountRole.MEMBER),
    Address("POST", "/accounts/{account}", 303, AccountRole.ADMIN, {"name": "Acme Two"}),
    Address("GET", W, 200),
    Address("GET", W + "/settings", 200),
    Address("POST", W + "/settings", 303, ADMIN, {"name": "Renamed", "rate_limit": "60", "execution_timeout": "30"}),
    Address("GET", W + "/delete", 200, ADMIN),
    Address("POST", W + "/delete", 303, ADMIN, {"typed_slug": "dev-tools"}),
    Address("GET", W + "/activity", 200),
    Address("GET", W + "/tokens", 200),
    Address("POST", W + "/tokens", 200, MEMBER, {"name": "Laptop", "environment": "dev"}),
    Address("GET", W + "/tokens/{token}/revoke", 200, ADMIN),
    Address("POST", W + "/tokens/{token}/revoke", 303, ADMIN),
    Address("GET", W + "/servers", 200),
    Address("GET", W + "/servers/new", 200, WRITER),
    Address("POST", W + "/servers/new", 303, WRITER, {"name": "Two", "prefix": "two", "url": "{url}", "auth": "none"}),
    Address("POST", S + "/probe", 303, WRITER),
    Address("POST", S + "/enable", 303, WRITER),
    Address("POST", S + "/disable", 303, WRITER),
    Address("GET", S + "/remove", 200, WRITER),
    Address("POST", S + "/remove", 303, WRITER),
]
RANK = [WorkspaceRole.MEMBER, WorkspaceRole.WRITER, WorkspaceRole.ADMIN]


@pytest.fixture(params=ADDRESSES, ids=str)
def address(request: pytest.FixtureRequest) -> Address:
    return request.param


@dataclass(frozen=True)
class Town:
    """What the addresses name."""

    names: dict[str, str]

    def ask(self, browser: Browser, address: Address, **others: str):
        names = {**self.names, **others}
        if address.method == "GET":
            return browser.get(address.path.format(**names))
        form = {name: value.format(**names) for name, value in address.form.items()}
        return browser.post(address.path.format(**names), **form)


@pytest.fixture
def town(cast: Cast):
    with FakeUpstream() as upstream:
        server = make_server(cast, f"{upstream.url}/kept")
        yield Town(
            {
                "account": str(cast.acme.id),
                "workspace": str(cast.workspace.id),
                "token": str(cast.dana.id),
                "server": str(server.id),
                "url": upstream.url,
            }
        )


def make_server(cast: Cast, url: str) -> Server:
    with cast.session() as session:
        server = Server(
            id=uuid.uuid4(),
            workspace_id=cast.workspace.id,
            name="Kept",
            prefix="kept",
            url=url,
            auth=ServerAuth.NONE,
            era="modern",
            server_name="Fake",
            server_version="1",
            tools=[{"name": "echo", "title": "", "description": "Says it again"}],
            probed_at=cast.workspace.created_at,
            created_at=cast.workspace.created_at,
        )
        session.add(server)
        session.flush()
        session.expunge(server)
    return server


def promote(cast: Cast, address: Address) -> None:
    """Bob gets exactly the role that the address takes."""
    with cast.session() as session:
        place = cast.acme if isinstance(address.least, AccountRole) else cast.workspace
        join(session, cast.bob, place, address.least)


def demote(cast: Cast, address: Address) -> bool:
    """Bob gets the role below it; False where there is none."""
    if address.least in (WorkspaceRole.MEMBER, AccountRole.MEMBER):
        return False
    if isinstance(address.least, WorkspaceRole):
        with cast.session() as session:
            join(session, cast.bob, cast.workspace, RANK[RANK.index(address.least) - 1])
    return True


def test_the_owner_gets_through(town: Town, alice: Browser, address: Address) -> None:
    assert town.ask(alice, address).status_code == address.works


def test_a_teammate_with_just_enough_of_a_role_gets_through(
    town: Town, cast: Cast, bob: Browser, address: Address
) -> None:
    promote(cast, address)
    assert town.ask(bob, address).status_code == address.works


def test_a_teammate_with_too_little_of_a_role_gets_403(town: Town, cast: Cast, bob: Browser, address: Address) -> None:
    if not demote(cast, address):
        assert town.ask(bob, address).status_code == address.works  # nobody who reads has too little
        return
    before = snapshot(cast)
    assert town.ask(bob, address).status_code == 403
    assert snapshot(cast) == before


def test_a_stranger_gets_the_404_of_a_thing_that_does_not_exist(
    town: Town, cast: Cast, charlie: Browser, address: Address
) -> None:
    before = snapshot(cast)
    foreign = town.ask(charlie, address)
    nowhere = dict.fromkeys(("account", "workspace", "token", "server"), str(uuid.uuid4()))
    missing = town.ask(charlie, address, **nowhere)
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert lasting(foreign) == lasting(missing)
    assert snapshot(cast) == before


def test_what_is_missing_within_ones_own_workspace_is_404(town: Town, alice: Browser, address: Address) -> None:
    for part in ("token", "server"):
        if f"{{{part}}}" in address.path:
            assert town.ask(alice, address, **{part: str(uuid.uuid4())}).status_code == 404


def test_an_id_that_is_none_is_404(town: Town, alice: Browser, address: Address) -> None:
    for part in ("account", "workspace", "token", "server"):
        if f"{{{part}}}" in address.path:
            for nonsense in ("1", "x" * 36, "..%2f..", "%00", "00000000-0000-0000-0000-00000000000g"):
                assert town.ask(alice, address, **{part: nonsense}).status_code == 404


def test_the_wrong_method_is_405(town: Town, alice: Browser, address: Address) -> None:
    answer = alice.client.put(address.path.format(**town.names), headers={"X-CSRFToken": alice.token()})
    assert answer.status_code == 405
    assert address.method in answer.headers["Allow"]


def test_who_has_not_signed_in_is_led_there_and_nothing_changes(
    town: Town, cast: Cast, visitor: Browser, address: Address
) -> None:
    before = snapshot(cast)
    answer = town.ask(visitor, address)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/sign-in")
    assert snapshot(cast) == before


def test_a_form_without_its_token_is_refused_and_nothing_changes(
    town: Town, cast: Cast, alice: Browser, address: Address
) -> None:
    if address.method == "POST":
        before = snapshot(cast)
        answer = alice.client.post(address.path.format(**town.names), data=address.form)
        assert answer.status_code == 400
        assert "expired" in words(answer)
        assert snapshot(cast) == before


def test_a_frozen_workspace_can_be_read_but_not_changed(town: Town, cast: Cast, alice: Browser) -> None:
    with cast.session() as session:
        session.merge(cast.workspace).status = WorkspaceStatus.FROZEN
    for address in ADDRESSES:
        opens = address.path.endswith(("/delete", "/revoke", "/disable")) or "{account}" in address.path
        if address.method == "GET" and "{workspace}" in address.path:
            assert town.ask(alice, address).status_code == address.works
        elif not opens:
            assert town.ask(alice, address).status_code == 423, address


def test_a_session_ends_when_its_user_has_raised_the_epoch(app: Flask, cast: Cast, alice: Browser) -> None:
    assert alice.get("/settings").status_code == 200
    with cast.session() as session:
        session.merge(cast.alice).session_epoch += 1
    assert alice.get("/settings").status_code == 303


def test_a_form_sent_after_the_session_ended_says_so_and_leads_back_to_its_page(
    cast: Cast, alice: Browser, place: str
) -> None:
    token = alice.token()
    with cast.session() as session:
        session.merge(cast.alice).session_epoch += 1
    for page, wanted in ((f"http://localhost{place}/tokens", f"{place}/tokens"), ("http://evil.test/x", None)):
        answer = alice.client.post(
            f"{place}/tokens", data={"csrf_token": token, "name": "Lost"}, headers={"Referer": page}
        )
        gate = alice.follow(answer)
        assert "You were signed out in the meantime, so nothing was changed." in words(gate)
        assert (f'value="{wanted}"' in gate.text) is (wanted is not None)
        assert "evil" not in gate.text


def test_the_picker_remembers_the_workspace_until_it_is_closed_to_its_user(
    cast: Cast, alice: Browser, bob: Browser, place: str
) -> None:
    assert "Choose a workspace" in words(bob.get("/settings"))
    bob.get(f"{place}/tokens")
    assert "Workspace: Dev Tools. Choose another" in bob.get("/settings").text
    with cast.session() as session:
        session.query(WorkspaceMember).filter_by(user_id=cast.bob.id).delete()
    answer = bob.get("/settings")
    assert answer.status_code == 200
    assert "Dev Tools" not in answer.text


def test_a_forged_cookie_opens_nothing(app: Flask, cast: Cast) -> None:
    for text in ("", "x", f"{cast.alice.id.hex}", f"{cast.alice.id.hex}.x", f"{cast.alice.id.hex}.2", "zz.1"):
        browser = Browser(app)
        with browser.client.session_transaction() as session:
            session["_user_id"] = text
        assert browser.get("/settings").status_code == 303, text


def snapshot(cast: Cast) -> list[object]:
    """What a refused request must leave as it was."""
    with cast.session() as session:
        rows = [
            (type(row).__name__, {column.key: getattr(row, column.key) for column in row.__table__.columns})
            for model in (type(cast.acme), type(cast.workspace), Token, Server)
            for row in session.query(model).order_by(model.id)
        ]
    return list(rows)
