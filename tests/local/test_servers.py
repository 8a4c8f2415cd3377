import pytest

from local.console import Refused
from local.servers import Server, parse_servers, private_networks


def test_a_server_may_have_a_prefix_and_an_equals_sign_in_its_url() -> None:
    servers = parse_servers(["github=https://api.example.com/mcp?a=b", "time=http://localhost:3000/mcp"])
    assert servers == [
        Server("github", "https://api.example.com/mcp?a=b"),
        Server("time", "http://localhost:3000/mcp"),
    ]
    assert str(servers[0]) == "github=https://api.example.com/mcp?a=b"


def test_a_server_that_is_alone_needs_no_prefix() -> None:
    assert parse_servers(["https://api.example.com/mcp?a=b"]) == [Server("", "https://api.example.com/mcp?a=b")]


@pytest.mark.parametrize(
    "text", ["", "example.com", "ftp://example.com", "UPPER=http://a/", "http://", "http://[::1", "a=b=http://c/"]
)
def test_what_is_no_server_is_refused_with_the_form_it_should_have(text: str) -> None:
    with pytest.raises(Refused, match=r"is not \[PREFIX=\]URL"):
        parse_servers([text])


def test_several_servers_each_need_a_prefix() -> None:
    with pytest.raises(Refused, match="each needs a prefix"):
        parse_servers(["http://one.example/", "two=http://two.example/"])


def test_two_servers_may_not_share_a_prefix() -> None:
    with pytest.raises(Refused, match="the prefix one;"):
        parse_servers(["one=http://one.example/", "one=http://two.example/"])


def test_exactly_the_private_addresses_of_the_named_servers_are_allowed() -> None:
    servers = [Server("a", "http://10.1.2.3:80/"), Server("b", "https://[fd00::7]/"), Server("c", "http://1.1.1.1/")]
    assert private_networks(servers) == ["10.1.2.3/32", "fd00::7/128"]


def test_a_name_that_does_not_resolve_allows_nothing() -> None:
    assert private_networks([Server("a", "http://nowhere.invalid/mcp")]) == []
