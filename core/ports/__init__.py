"""What the core asks of the packages around it.

    connector  platforms, and the inbox that they deliver events to
    model      a model that streams
    store      the ledger, threads, settings, usage and privacy

Each docstring is a contract; `tests/contract` holds every implementation to it.
"""
