"""Tools for the makers of the project; nothing of it runs in production."""
