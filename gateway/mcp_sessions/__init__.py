"""MCP sessions, as every gateway process knows them: kept in Redis."""
