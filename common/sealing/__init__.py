"""Sealing: what must not be readable in the database, a dump or a backup."""
