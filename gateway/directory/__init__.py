"""What the gateway knows of workspaces: frozen, of a known version."""
