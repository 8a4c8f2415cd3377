"""Serving an example on one loopback port until it is told to stop.

Rule: an example listens on 127.0.0.1 only, for it asks nobody who they are.
"""

import uvicorn
from starlette.applications import Starlette

# An open stream would otherwise keep a server that was told to stop alive for as long as its client likes.
SECONDS_TO_FINISH = 3

HOST = "127.0.0.1"


def server_for(application: Starlette, port: int) -> uvicorn.Server:
    """A server that has not started; `serve()` it, and set `should_exit` to end it early."""
    return uvicorn.Server(
        uvicorn.Config(
            application,
            host=HOST,
            port=port,
            log_level="warning",
            timeout_graceful_shutdown=SECONDS_TO_FINISH,
        )
    )
