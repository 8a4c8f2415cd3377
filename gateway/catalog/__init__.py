"""What a workspace offers: merged tools, and where each call goes."""
