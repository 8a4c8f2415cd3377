"""Admission: the contract on which portal and gateway meet in Redis."""
