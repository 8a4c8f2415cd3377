"""The methods that the gateway routes, and the lists that it merges.

Rule: pure tables. Lists and calls are in both eras; of what only one has, here is what more than one module names.
"""

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Listing:
    """`member` of the result holds the items; `key` is the member by which an item is asked for."""

    method: str
    member: str
    key: str


class Kind(Enum):
    """What servers offer."""

    TOOLS = Listing("tools/list", "tools", "name")
    PROMPTS = Listing("prompts/list", "prompts", "name")
    RESOURCES = Listing("resources/list", "resources", "uri")
    TEMPLATES = Listing("resources/templates/list", "resourceTemplates", "uriTemplate")


LISTS = MappingProxyType({kind.value.method: kind for kind in Kind})

# The parameter by which each of them names what it is about; `Mcp-Name` mirrors it (not for a completion).
NAMED_BY = MappingProxyType({"tools/call": "name", "prompts/get": "name", "resources/read": "uri"})
COMPLETE = "completion/complete"
INITIALIZE, LISTEN, SET_LEVEL = "initialize", "subscriptions/listen", "logging/setLevel"
SUBSCRIBE, UNSUBSCRIBE = "resources/subscribe", "resources/unsubscribe"

# What counts for the monthly quota, and what a frozen workspace refuses.
CALLS = frozenset((*NAMED_BY, COMPLETE))
