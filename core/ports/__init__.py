"""What the core asks of the packages around it.

    connector  platforms, and the inbox that they deliver events to
    model      a model that streams
    tools      what models may call
    files      the content of people's files: where it comes from, who reads it
    store      turns, tool decisions, threads, settings, usage, privacy, uploads: one module a protocol

Each docstring is a contract; `tests/contract` holds every implementation to it.
"""
