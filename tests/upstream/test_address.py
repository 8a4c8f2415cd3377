"""The address guard: what is refused never sees a connection."""

import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from upstream.address import Address, Addresses
from upstream.client import Upstream
from upstream.faults import UpstreamFault
from upstream.target import Target
from upstream.wire import Pool

# What an attacker's name server may answer: each list is one answer, and holds one bad address.
EVIL_ANSWERS = {
    "loopback.evil.test": ["127.0.0.1"],
    "loopback-far.evil.test": ["127.255.255.254"],
    "second.evil.test": ["93.184.215.14", "127.0.0.1"],
    "last-of-many.evil.test": [*(f"93.184.215.{n}" for n in range(20)), "10.0.0.1"],
    "second-family.evil.test": ["93.184.215.14", "::1"],
    "this-host.evil.test": ["0.0.0.0"],
    "this-net.evil.test": ["0.1.2.3"],
    "ten.evil.test": ["10.255.0.1"],
    "cgnat.evil.test": ["100.64.0.1"],
    "cgnat-end.evil.test": ["100.127.255.255"],
    "metadata.evil.test": ["169.254.169.254"],
    "ecs.evil.test": ["169.254.170.2"],
    "eks.evil.test": ["169.254.170.23"],
    "link-local.evil.test": ["169.254.1.1"],
    "alibaba.evil.test": ["100.100.100.200"],
    "oracle.evil.test": ["192.0.0.192"],
    "azure.evil.test": ["168.63.129.16"],
    "seventeen.evil.test": ["172.16.0.1"],
    "seventeen-end.evil.test": ["172.31.255.255"],
    "home.evil.test": ["192.168.1.1"],
    "assignments.evil.test": ["192.0.0.8"],
    "test-net-1.evil.test": ["192.0.2.1"],
    "test-net-2.evil.test": ["198.51.100.1"],
    "test-net-3.evil.test": ["203.0.113.1"],
    "bench.evil.test": ["198.18.0.1"],
    "bench-end.evil.test": ["198.19.255.255"],
    "six-relay.evil.test": ["192.88.99.1"],
    "multicast.evil.test": ["224.0.0.1"],
    "reserved.evil.test": ["240.0.0.1"],
    "broadcast.evil.test": ["255.255.255.255"],
    "v6-loopback.evil.test": ["::1"],
    "v6-any.evil.test": ["::"],
    "mapped.evil.test": ["::ffff:127.0.0.1"],
    "mapped-hex.evil.test": ["::ffff:7f00:1"],
    "mapped-metadata.evil.test": ["::ffff:169.254.169.254"],
    "compatible.evil.test": ["::127.0.0.1"],
    "compatible-ten.evil.test": ["::a00:1"],
    "translated.evil.test": ["::ffff:0:127.0.0.1"],
    "nat64-loopback.evil.test": ["64:ff9b::127.0.0.1"],
    "nat64-ten.evil.test": ["64:ff9b::a00:1"],
    "nat64-metadata.evil.test": ["64:ff9b::a9fe:a9fe"],
    "nat64-local.evil.test": ["64:ff9b:1::8.8.8.8"],
    "six-to-four.evil.test": ["2002:7f00:1::1"],
    "six-to-four-public.evil.test": ["2002:808:808::1"],
    "teredo.evil.test": ["2001:0:53aa:64c:0:0:80ff:fffe"],
    "orchid.evil.test": ["2001:20::1"],
    "v6-bench.evil.test": ["2001:2::1"],
    "v6-doc.evil.test": ["2001:db8::1"],
    "v6-doc-new.evil.test": ["3fff::1"],
    "discard.evil.test": ["100::1"],
    "segment-routing.evil.test": ["5f00::1"],
    "ula.evil.test": ["fc00::1"],
    "ula-local.evil.test": ["fd12:3456::1"],
    "aws-v6.evil.test": ["fd00:ec2::254"],
    "gcp-v6.evil.test": ["fd20:ce::254"],
    "v6-link-local.evil.test": ["fe80::1"],
    "v6-link-local-zone.evil.test": ["fe80::1%lo"],
    "global-zone.evil.test": ["2606:4700::1111%lo"],
    "site-local.evil.test": ["fec0::1"],
    "v6-multicast.evil.test": ["ff02::1"],
    "unassigned.evil.test": ["4000::1"],
    "no-address.evil.test": ["localhost"],
    "nothing.evil.test": [],
    "flood.evil.test": [f"93.184.{n // 250}.{n % 250}" for n in range(1000)],
}

SPELLINGS = """
http://127.0.0.1/ http://127.1/ http://127.0.1/ http://2130706433/ http://0x7f000001/ http://0x7f.1/
http://0x7f.0.0.1/ http://0177.0.0.1/ http://0177.1/ http://017700000001/ http://127.0.0.01/ http://0/ http://0x0/
http://00000/ http://127.0.0.1./ http://127.0.0.1../ http://.127.0.0.1/ http://127..1/ http://127.0.0.1.0x1/
http://1.2.3/ http://1.2.3.256/ http://256.1.1.1/ http://4294967297/ http://1.1.1.1.1/ http://3232235777/
http://0xA9FEA9FE/ http://0251.0376.0251.0376/ http://169.254.43518/ http://169.254.169.254/latest/meta-data/
http://[::1]/ http://[::]/ http://[0:0:0:0:0:0:0:1]/ http://[::ffff:127.0.0.1]/ http://[::ffff:7f00:1]/
http://[::127.0.0.1]/ http://[64:ff9b::7f00:1]/ http://[2002:7f00:1::]/ http://[fe80::1%25lo]/ http://[fe80::1%lo]/
http://[::1%25lo]/ http://[fec0::1]/ http://[fd00:ec2::254]/ http://[::1 http://::1/ http://[]/ http://[127.0.0.1]/
http://[v1.x]/ http://[::1]evil.test/ http://[::1].evil.test/ http://[[::1]]/
http://localhost/ http://LOCALHOST/ http://localhost./ http://LocalHost:80/ http://localhost.localdomain/
http://%31%32%37.0.0.1/ http://127%2e0%2e0%2e1/ http://127.0.0.1%00.example.com/ http://localhost%2f.example.com/
http://example.com@127.0.0.1/ http://user:pw@127.0.0.1/ http://127.0.0.1@example.com/ http://127.0.0.1:80@example.com/
http://example.com#@127.0.0.1/ http://127.0.0.1#.example.com/ http://127.0.0.1\\@example.com/ http:\\\\127.0.0.1\\
http://example.com\\.evil.test/ http:/127.0.0.1/ http:127.0.0.1 //127.0.0.1/ http:///127.0.0.1/ http:////127.0.0.1/
http:// http://:80/ http://?/ http://example.com:/ http://example.com:0/ http://example.com:65536/
http://example.com:-1/ http://example.com:+80/ http://example.com:080800/ http://example.com:8_0/
http://example.com:80:80/ http://example.com:٨٠/ http://１２７.0.0.1/ http://127。0。0。1/ http://①②⑦.0.0.1/
http://ⓛocalhost/ http://lоcalhost/ http://localhoſt/ http://localhost̸/ http://\u202e1.0.0.721/ http://127.0.0.1\u200b/
http://-example.com/ http://example-.com/ http://exa..mple.com/ http://*.example.com/ http://$(id)/ http://a'b/
file:///etc/passwd ftp://127.0.0.1/ gopher://127.0.0.1/ unix:///run/redis.sock javascript:1 dict://127.0.0.1:6379/
https://127.0.0.1/ https://[::1]/ HTTPS://LOCALHOST/ hTTp://127.0.0.1/ redis://127.0.0.1:6379/ ws://127.0.0.1/
""".split()

SPELLINGS_WITH_BLANKS = [
    "",
    " ",
    " http://127.0.0.1/",
    "http://127.0.0.1/ ",
    "http://127.0.0.1\t/",
    "http://\t127.0.0.1/",
    "ht\ntp://127.0.0.1/",
    "http://127.0.0.1\r\nHost: x/",
    "http://example.com/\r\nX: y",
    "http://example.com/\x00",
    "http://example.com/ä",
    "http://" + "a" * 64 + ".com/",
    "http://" + "a." * 127 + "com/",
    "http://example.com/" + "a" * 3000,
]

PUBLIC = {
    "93.184.215.14": "93.184.215.14",
    "1.1.1.1": "1.1.1.1",
    "9.255.255.255": "9.255.255.255",
    "11.0.0.0": "11.0.0.0",
    "100.63.255.255": "100.63.255.255",
    "100.128.0.0": "100.128.0.0",
    "126.255.255.255": "126.255.255.255",
    "128.0.0.1": "128.0.0.1",
    "169.253.255.255": "169.253.255.255",
    "172.15.255.255": "172.15.255.255",
    "172.32.0.0": "172.32.0.0",
    "192.167.255.255": "192.167.255.255",
    "198.17.255.255": "198.17.255.255",
    "198.20.0.0": "198.20.0.0",
    "223.255.255.255": "223.255.255.255",
    "2606:4700::1111": "2606:4700::1111",
    "2001:4860:4860::8888": "2001:4860:4860::8888",
    "2a00:1450:4001::1": "2a00:1450:4001::1",
    "2001:200::1": "2001:200::1",
    "::ffff:8.8.8.8": "8.8.8.8",  # connected as the IPv4 address that it is
    "64:ff9b::8.8.8.8": "64:ff9b::808:808",
}


TLS = ssl.create_default_context()  # once: it costs more than all else here


class Recorder:
    """Every address that this process connects a socket to, as the interpreter itself reports it."""

    def __init__(self) -> None:
        self.addresses: list[object] = []
        self.is_on = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.is_on and event == "socket.connect":
            self.addresses.append(arguments[1])


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def connects(recorder: Recorder) -> Iterator[list[object]]:
    recorder.addresses.clear()
    recorder.is_on = True
    yield recorder.addresses
    recorder.is_on = False


def resolver_of(answers: dict[str, list[str]]):
    def resolve(host: str, port: int) -> list[tuple[int, str]]:
        return [(socket.AF_INET6 if ":" in text else socket.AF_INET, text) for text in answers[host]]

    return resolve


def attempt(url: str, addresses: Addresses) -> UpstreamFault:
    """Open a server at this URL, plain http allowed; it must fail."""
    target = Target(url, connect_timeout=0.5, timeout=0.5, allow_http=True)
    with pytest.raises(UpstreamFault) as raised:
        Upstream(target, Pool(addresses, tls=TLS), "stoa", "1").open()
    return raised.value


def test_the_recorder_sees_a_real_connection(connects: list[object]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()):
        assert connects == [listener.getsockname()]


@pytest.mark.parametrize("url", [*SPELLINGS, *SPELLINGS_WITH_BLANKS])
def test_no_spelling_of_a_private_address_connects(url: str, connects: list[object]) -> None:
    fault = attempt(url, Addresses())
    assert fault.code in ("address_refused", "dns")
    assert not fault.may_have_run
    assert connects == []


@pytest.mark.parametrize("host", EVIL_ANSWERS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_answer_of_an_evil_name_server_connects(scheme: str, host: str, connects: list[object]) -> None:
    fault = attempt(f"{scheme}://{host}/mcp", Addresses(resolver_of(EVIL_ANSWERS)))
    assert fault.code == ("dns" if host.startswith("nothing") else "address_refused")
    assert connects == []


@pytest.mark.parametrize(("written", "connected"), PUBLIC.items())
def test_a_public_address_is_allowed(written: str, connected: str) -> None:
    checked = Addresses(resolver_of({"mcp.example.com": [written]})).check("mcp.example.com", 443)
    assert [(a.sockaddr[0], a.sockaddr[1], a.is_private) for a in checked] == [(connected, 443, False)]
    assert Addresses().check(written, 443) == checked


def test_a_name_that_changes_its_mind_is_connected_only_at_what_was_checked() -> None:
    answers = iter([["93.184.215.14"], ["127.0.0.1"], ["93.184.215.14", "127.0.0.1"]])
    dialled: list[Address] = []

    def dial(address: Address, timeout: float) -> socket.socket:
        dialled.append(address)
        raise ConnectionRefusedError

    pool = Pool(Addresses(lambda host, port: [(socket.AF_INET, text) for text in next(answers)]), connect=dial)
    upstream = Upstream(Target("https://rebind.test/mcp"), pool, "stoa", "1")
    codes = []
    for _ in range(3):
        with pytest.raises(UpstreamFault) as raised:
            upstream.open()
        codes.append(raised.value.code)
    assert codes == ["refused", "address_refused", "address_refused"]
    assert [address.sockaddr for address in dialled] == [("93.184.215.14", 443)]


def test_the_allow_list_opens_its_networks_and_nothing_else() -> None:
    addresses = Addresses(private=[ip_network("10.1.0.0/16"), ip_network("::1/128")])
    assert addresses.check("10.1.2.3", 80)[0].is_private
    assert addresses.check("::1", 80)[0].is_private
    assert addresses.check("::ffff:10.1.2.3", 80)[0].sockaddr == ("10.1.2.3", 80)
    for host in ("10.2.0.1", "127.0.0.1", "::2", "64:ff9b::10.1.2.3", "::10.1.2.3", "2002:a01:203::"):
        with pytest.raises(UpstreamFault, match="not allowed"):
            addresses.check(host, 80)


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "fd00:ec2::254", "0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "::ffff:169.254.169.254"],
)
def test_metadata_and_multicast_stay_closed_whatever_the_operator_allows(host: str) -> None:
    everything = Addresses(private=[ip_network("0.0.0.0/0"), ip_network("::/0")])
    with pytest.raises(UpstreamFault, match="not allowed"):
        everything.check(host, 80)


def test_plain_http_goes_only_to_the_allow_list_unless_the_operator_says_so(connects: list[object]) -> None:
    answers = resolver_of({"mcp.example.com": ["93.184.215.14"]})
    with pytest.raises(UpstreamFault, match="Plain http"):
        Upstream(Target("http://mcp.example.com/mcp"), Pool(Addresses(answers)), "stoa", "1").open()
    assert connects == []


def test_a_resolver_that_hangs_costs_no_more_than_the_time_given() -> None:
    release = threading.Event()

    def resolve(host: str, port: int) -> list[tuple[int, str]]:
        release.wait(30)
        return []

    with pytest.raises(UpstreamFault) as raised:
        Addresses(resolve).check("slow.test", 443, timeout=0.05)
    release.set()
    assert raised.value.code == "dns"


def test_a_refusal_does_not_tell_which_address_the_name_has() -> None:
    fault = attempt("https://ten.evil.test/mcp", Addresses(resolver_of(EVIL_ANSWERS)))
    assert "10.255" not in fault.sentence
    assert "ten.evil.test" in fault.sentence
