"""What the portal and the gateway agree on."""
