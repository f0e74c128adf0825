"""The tables. Every key has the `team` in it; times are whole microseconds UTC (`at_us`).

    columns   types of columns, and the base of all rows
    threads   threads, their messages, and what belongs to them
    turns     the ledger of turns, and the steps of their answers
    usage     usage of answers, and its sums; counts of the operators' report
    budgets   spending under budgets, and reservations
    settings  settings of channels and workspaces, and their changes
    failures  the causes of failures
    accounts  the model accounts of workspaces
    installations  installations that teams have made themselves
    memory    the index of answered questions
    replicas  the epochs of partitions, and what replicas tell each other
    requests  signed requests that were taken
    secrets   the keys by which programs encrypt secrets of teams
    people    opinions of people, those who were forgotten, and what is said once

Lines of a thread are ordered by (at_us, anchor, rank, message): a person's line is its own anchor with rank 0, an
answer has its question's time and id with rank 1, so it is ordered directly behind it whenever it was finished.
"""

from __future__ import annotations

from storage.tables.accounts import MODEL_ACCOUNTS
from storage.tables.budgets import RESERVATIONS, SPENDING
from storage.tables.columns import KEY, Prose, Row, Words, from_us, storable, to_us, words_of
from storage.tables.failures import FAILURES
from storage.tables.installations import INSTALLATIONS
from storage.tables.memory import SOURCE_VECTORS, SOURCES
from storage.tables.people import FEEDBACK, FORGOTTEN, NOTICES, SOURCE_OPINIONS
from storage.tables.replicas import PARTITIONS, REPLICA_NOTICES
from storage.tables.requests import REQUESTS
from storage.tables.secrets import SECRET_KEYS
from storage.tables.settings import AUDIT, SETTINGS
from storage.tables.threads import HEARD, MESSAGES, THREAD_SUMMARIES, THREADS, UPLOADS
from storage.tables.turns import (
    ANNOUNCED,
    ASKING,
    CITING,
    HELD,
    OPEN,
    POSTS,
    QUOTING,
    STEPS,
    TOOL_GRANTS,
    TURNS,
    WITH_AUTHOR,
)
from storage.tables.usage import CHARGES, NOT_DONE, OPERATION_COUNTS, USAGE, USAGE_SUMS

__all__ = [
    "ANNOUNCED",
    "ASKING",
    "AUDIT",
    "CHARGES",
    "CITING",
    "FAILURES",
    "FEEDBACK",
    "FORGOTTEN",
    "HEARD",
    "HELD",
    "INSTALLATIONS",
    "KEY",
    "MESSAGES",
    "MODEL_ACCOUNTS",
    "NOTICES",
    "NOT_DONE",
    "OPEN",
    "OPERATION_COUNTS",
    "PARTITIONS",
    "POSTS",
    "QUOTING",
    "REPLICA_NOTICES",
    "REQUESTS",
    "RESERVATIONS",
    "SECRET_KEYS",
    "SETTINGS",
    "SOURCES",
    "SOURCE_OPINIONS",
    "SOURCE_VECTORS",
    "SPENDING",
    "STEPS",
    "THREADS",
    "THREAD_SUMMARIES",
    "TOOL_GRANTS",
    "TURNS",
    "UPLOADS",
    "USAGE",
    "USAGE_SUMS",
    "WITH_AUTHOR",
    "Prose",
    "Row",
    "Words",
    "from_us",
    "storable",
    "to_us",
    "words_of",
]
