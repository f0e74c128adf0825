"""The protocols that the core requires of the packages around it.

    connector  platforms, and the inbox that they deliver events to
    connections several connections to one platform, shared among processes
    model      a model that streams
    tools      what models may call
    embeddings a model that makes vectors of texts
    files      the content of people's files: its source, and its extractor
    store      turns, tool decisions, threads, settings, usage, privacy, uploads, summaries: one module a protocol

Each docstring is a contract; `tests/contract` holds every implementation to it.
"""
