"""The MCP server that the official conformance suite asks for, whole, in one era or in both.

    python -m tests.conformance.fixture --port 9001                    serves http://127.0.0.1:9001/mcp
    python -m tests.conformance.fixture --port 9001 --era legacy       as a server that knows no 2026-07-28
    python3 dev.py up --server http://127.0.0.1:9001/mcp               in another shell: a gateway in front of it

Rule: written with the official `mcp` package. The names are the suite's, so a gateway in front of it has to pass on
names as they are: one server, and no prefix. A few tools are ours, for what the suite does not look at; whatever asks
its client does so in the way of the era it is spoken to in: by requests, or by `input_required`.
"""

import argparse

import uvicorn
from mcp.server.mcpserver import MCPServer

from tests.conformance.eras import ERAS, only
from tests.conformance.offers.asking import add_asking, add_asking_by_result
from tests.conformance.offers.changes import add_changes
from tests.conformance.offers.contents import add_contents, contact
from tests.conformance.offers.prompts import add_prompts
from tests.conformance.offers.reports import add_reports
from tests.conformance.offers.resources import add_resources
from tests.conformance.offers.rounds import add_rounds
from tests.conformance.offers.sessions import Sessions
from tests.conformance.offers.waiting import add_waiting

# An open stream would otherwise keep the process alive for as long as its client likes.
SECONDS_TO_FINISH = 3


def build_server() -> MCPServer:
    server = MCPServer("stoa-conformance", version="1.0.0", tools=[contact()], log_level="WARNING")
    sessions = Sessions(server)
    add_contents(server)
    add_reports(server)
    add_asking(server)
    add_asking_by_result(server)
    add_rounds(server)
    add_resources(server, sessions)
    add_prompts(server)
    add_changes(server, sessions)
    add_waiting(server)
    return server


def main() -> None:
    parser = argparse.ArgumentParser(description="An MCP server for the official conformance suite.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--era", choices=ERAS, default="both", help="what it can be spoken to in (default: both)")
    chosen = parser.parse_args()
    uvicorn.run(
        only(chosen.era, build_server().streamable_http_app()),
        port=chosen.port,
        log_level="warning",
        http="h11",  # the other one that it knows leaves the space behind a header's value, which the suite sends
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
    )


if __name__ == "__main__":
    main()
