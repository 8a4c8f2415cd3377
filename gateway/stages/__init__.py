"""The stages of an exchange, one verb each; the conductor is in app.py."""
