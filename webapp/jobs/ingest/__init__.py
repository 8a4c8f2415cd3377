"""The ingest: from the streams of ended calls to the database."""
