"""Watching servers for what changes, on behalf of the clients that listen."""
