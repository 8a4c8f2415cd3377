"""The portal, its API and its jobs: three edges over one set of services."""
