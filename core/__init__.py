"""Parley's domain logic. It depends on no platform, database or library of either.

    values          values that packages pass to each other: frozen, no I/O
    ports           the protocols of platforms, models, tools, files and the store
    settings        the operator's settings, and those of a channel
    i18n            every sentence of Parley's own, in every language
    inbox           converts an event to a turn, a message of a thread, a command, or nothing
    commands        the table of commands, and their handlers
    turns           answers stored turns, step by step
    tools           the tools that a model may call, and MCP servers
    conversation    the model's input for a turn
    llm             asks models: a list of messages in, deltas out
    files           reads files: bytes in, text or small pictures out
    delivery        shows a growing answer in messages on a platform
    spend           prices and usage reports
    memory          answered questions that later answers may cite
    operators       alerts and metrics
    access          decides who may ask, and who may change settings
    platform_calls  the gate before every platform call; call_fence: the same question where a request is written
    facts           what look-ups tell, cached
    tracing         a port for traces, which does nothing until there is a tracer
    child_processes runs commands in child processes, with a limit of time
    connection_problems  network errors in the words of an operator
    clock, errors, log, text, headers, addresses, redaction, retry_after, speakers

Imports go one way; `pyproject.toml` has the layers.
"""
