"""The gateway's HTTP/1.1 server on llhttp and gevent, which speaks WSGI.

Rule: strict where two readers could differ, bounded in every size and wait. Knows nothing of MCP but its error shape.
"""

from gateway.http.limits import HttpLimits
from gateway.http.refusals import BodyTimeout, BodyTooLarge, ClientGone, Refusal
from gateway.http.server import Server

__all__ = ["BodyTimeout", "BodyTooLarge", "ClientGone", "HttpLimits", "Refusal", "Server"]
