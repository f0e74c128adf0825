"""Parley's domain logic. It depends on no platform, database or library of either.

    values          what every package passes to every other: frozen, no I/O
    ports           what the core asks of platforms, models and the store
    settings        the operator's settings, and those of a channel
    i18n            every sentence of Parley's own, in every language
    inbox           converts an event to a turn, a message of a thread, a command, or nothing
    commands        the table of commands, and what each does
    turns           a stored turn becomes an answer
    conversation    the model's input for a turn
    llm             a list of messages in, deltas out
    files           the bytes of a file in, its text or small pictures out
    delivery        a growing answer becomes messages on a platform
    spend           prices and usage reports
    operators       alerts and metrics
    access          who may ask and change what
    platform_calls  the one way to a platform
    clock, errors, log, text, headers, redaction, retry_after, speakers

Imports go one way; `pyproject.toml` has the layers.
"""
