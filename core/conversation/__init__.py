"""Builds the model's input for a turn.

context   the request of a turn: its thread is read from the platform once and from the store after that
prompt    the messages of an answer      pure
summary   the messages of a summary      pure
thread_summary  summaries of the beginnings of long threads: when, of what, and their messages   pure
steps     a turn's steps as messages     pure
files     reads the files of a thread for a question; file_content: one of them

Nothing here depends on the model: `core.llm` fits the messages into the window of each model that it asks.
"""
