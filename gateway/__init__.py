"""The gateway: who are you, may you, is there room, forward, record."""
