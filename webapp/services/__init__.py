"""The services: the verbs of the product.

Rule: they take a Context, return models and raise DomainError; they know no HTTP and commit nothing.
"""
