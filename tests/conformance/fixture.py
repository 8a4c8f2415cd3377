"""The MCP server that the official conformance suite asks for, whole.

    python -m tests.conformance.fixture --port 9001        serves http://127.0.0.1:9001/mcp

Written with the official `mcp` package, in both eras. Every name in it is the suite's, so a gateway in front of it has
to pass on names as they are: one server, and no prefix.
"""

import argparse

import uvicorn
from mcp.server.mcpserver import MCPServer

from tests.conformance.offers.asking import add_asking, add_asking_by_result
from tests.conformance.offers.changes import add_changes, add_legacy_methods
from tests.conformance.offers.contents import add_contents, contact
from tests.conformance.offers.prompts import add_prompts
from tests.conformance.offers.reports import add_reports
from tests.conformance.offers.resources import add_resources
from tests.conformance.offers.rounds import add_rounds

# An open stream would otherwise keep the process alive for as long as its client likes.
SECONDS_TO_FINISH = 3


def build_server() -> MCPServer:
    server = MCPServer("stoa-conformance", version="1.0.0", tools=[contact()], log_level="WARNING")
    add_contents(server)
    add_reports(server)
    add_asking(server)
    add_asking_by_result(server)
    add_rounds(server)
    add_resources(server)
    add_prompts(server)
    add_changes(server)
    add_legacy_methods(server)
    return server


def main() -> None:
    parser = argparse.ArgumentParser(description="An MCP server for the official conformance suite.")
    parser.add_argument("--port", type=int, required=True)
    uvicorn.run(
        build_server().streamable_http_app(),
        port=parser.parse_args().port,
        log_level="warning",
        http="h11",  # the other one that it knows leaves the space behind a header's value, which the suite sends
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
    )


if __name__ == "__main__":
    main()
