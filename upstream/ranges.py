"""Special address ranges: where a request for a tenant must never go.

Rule: an own, explicit table (IANA special-purpose registries, RFC 6890 and its successors, plus
what clouds answer secrets on); the standard library's `is_global` misses some on Python 3.11.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Network = IPv4Network | IPv6Network

# Refused even where the operator allows private ranges: nothing there is an MCP server.
NEVER: tuple[Network, ...] = (
    IPv4Network("0.0.0.0/8"),  # this host, this network
    IPv4Network("224.0.0.0/4"),  # multicast
    IPv4Network("240.0.0.0/4"),  # reserved, and broadcast at its end
    IPv4Network("169.254.169.254/32"),  # metadata: AWS, GCP, Azure, OpenStack, DigitalOcean
    IPv4Network("169.254.170.0/24"),  # AWS: credentials of containers (ECS .2, EKS .23)
    IPv4Network("169.254.0.23/32"),  # metadata: Tencent
    IPv4Network("100.100.100.200/32"),  # metadata: Alibaba
    IPv4Network("192.0.0.192/32"),  # metadata: Oracle
    IPv4Network("168.63.129.16/32"),  # Azure's host channel: a public address by its looks
    IPv6Network("::/128"),  # unspecified
    IPv6Network("ff00::/8"),  # multicast
    IPv6Network("fd00:ec2::/32"),  # AWS: metadata, DNS, time
    IPv6Network("fd20:ce::254/128"),  # metadata: GCP
    IPv6Network("fd00:42::42/128"),  # metadata: Scaleway
)

SPECIAL: tuple[Network, ...] = (
    IPv4Network("10.0.0.0/8"),  # private
    IPv4Network("100.64.0.0/10"),  # carrier-grade NAT
    IPv4Network("127.0.0.0/8"),  # loopback
    IPv4Network("169.254.0.0/16"),  # link-local
    IPv4Network("172.16.0.0/12"),  # private
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.0.2.0/24"),  # documentation
    IPv4Network("192.31.196.0/24"),  # AS112
    IPv4Network("192.52.193.0/24"),  # AMT
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("192.168.0.0/16"),  # private
    IPv4Network("192.175.48.0/24"),  # AS112
    IPv4Network("198.18.0.0/15"),  # benchmarks
    IPv4Network("198.51.100.0/24"),  # documentation
    IPv4Network("203.0.113.0/24"),  # documentation
    IPv6Network("2001::/23"),  # protocol assignments: Teredo, ORCHID, benchmarks, AMT …
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4: carries an IPv4 address
    IPv6Network("2620:4f:8000::/48"),  # AS112
    IPv6Network("3fff::/20"),  # documentation
)

# All else of IPv6 is not handed out: ::1, ::/96 (IPv4-compatible), 64:ff9b:1::/48 (local NAT64),
# 100::/64 (discard), 5f00::/16 (segment routing), fc00::/7 (ULA), fe80::/10, fec0::/10 (site-local).
GLOBAL_UNICAST = IPv6Network("2000::/3")
# RFC 6052: an IPv6-only network reaches public IPv4 servers through this prefix.
NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it may be connected to for anybody; addresses that carry an IPv4 address are judged by it too."""
    if isinstance(address, IPv6Address):
        if address in NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address not in GLOBAL_UNICAST:
            return False
    return not any(address in network for network in NEVER + SPECIAL)


def is_never(address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in NEVER)
