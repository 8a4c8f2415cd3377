"""The jobs: what should not keep anyone waiting.

Rule: Celery only wakes them; what is to be done stands in the database.
"""
