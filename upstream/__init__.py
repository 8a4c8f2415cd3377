"""Speaking MCP to a server, over plain sockets, in either era.

Rule: the portal (threads) and the gateway (greenlets) share this package, so it blocks on plain
sockets with deadlines and knows neither Flask nor gevent.
"""
