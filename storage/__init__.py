"""The store, on SQLite or PostgreSQL. Rows never leave it.

    tables      what is kept: threads, messages, turns (the ledger), steps, posts, uploads, usage
    url         database URLs, and the file of SQLite
    engine      transactions
    direct      statements that the driver runs itself
    sqlite      connections to SQLite, and their threads
    postgres    connections to PostgreSQL
    errors      the one table in which a database's failures become StoreError
    threads     messages of a thread: note, edit, delete, import, and their order
    summaries   summaries of the beginnings of long threads
    thread_list threads in lists, each with its title
    attached    the parts of a message beside its text, as JSON
    uploads     small copies of pictures that were sent on the page
    teams       rows from before they named their team
    heard       watermarks of installations
    turns       the ledger: accept, read, retry
    runs        the ledger: begin, checkpoint, recover
    answer_footers  the notices and buttons under answers
    announcements  alerts and reports as they are shown
    turn_ends   the ledger: the end of a run, its usage and its spending
    failures    the causes of failures, and failed turns that are asked again
    steps       the steps of turns with more than one
    tools       decisions of people about tool calls, and the turns that wait for them
    tasks       the tasks of turns, with their arguments
    tagged_union  closed unions, such as those two, as a kind and fields
    posts       the messages of answers, and the turns whose pages they are
    usage       usage of answers, and totals
    charges     the parts of the usage of an answer
    citations   the earlier answers that turns were offered, and that answers cite
    usage_sums  sums of usage by time, model, person, thread and time to the first word
    usage_totals  totals of those sums
    reports     the figures of usage reports
    budgets     spending under budgets
    balances    balances of the accounts of budgets
    reservations  the most that the answers of open turns may spend
    exports     usage and opinions in rows
    operation   counts and figures of the operators' report
    settings    settings of channels and workspaces; the audit, also of tool calls
    settings_cache  those settings in memory
    source_opinions opinions of the earlier answers that answers cite
    people      feedback; reset, forget, export
    requests    signed requests that were taken
    retention   removes what is older than it is kept
    installations  installations that teams have made themselves; encryption: their tokens
    model_accounts  the model accounts of workspaces, with their encrypted keys
    known_keys   the keys of the programs on a database
    secret_rows  rows with encrypted secrets: encrypted anew, and searched for unknown keys
    team_data   all that is stored of a team
    deleted     the messages that were deleted last
    purging     rids the files of what was forgotten
    sources     the index of answered questions
    source_search  finds them by their words
    word_counts    the counts of words in that index, in memory
    source_vectors the vectors of their questions
    vector_search  finds them by their meaning
    vector_matrix  the vectors of a team as one matrix
    kept_vectors   keeps these matrices in memory
    forgotten   the people who were forgotten, and the times
    store       `SqlStore`, which runs each of those functions as one transaction
    migrations  the schema's history; `open_store` brings a database up to date
    lock        one `parley run` to a database
    replicas    several of them to a PostgreSQL, each with teams of its own
    checks      the checks of `parley doctor` of the database and its disk
    restoring   what a restored database learns from the one before
    whole_files files that appear whole or not at all
    records     the records of `parley export`
    backup      a copy of an SQLite database in one file, and its restoration
    given       lists as parameters of statements that are built once

Values of `core.values` come in and go out; everything in between is SQLAlchemy Core on SQLModel's tables.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict
from sqlalchemy import URL

from core.clock import Clock
from core.errors import SettingsError, StoreError
from core.redaction import is_secret
from core.settings.environment import Settings
from core.settings.secret_key import secret_key_bytes
from storage import installations, known_keys, model_accounts
from storage.budgets import any_accounts
from storage.encryption import SecretKeys
from storage.engine import Database
from storage.errors import opening
from storage.forgotten import ForgottenPeople, load
from storage.migrations import NEWEST, revision_of, upgrade
from storage.store import SqlStore
from storage.url import parse_url, place_of, sqlite_file

__all__ = ["DatabaseSettings", "SqlStore", "open_existing", "open_store"]

_SECRETS = (installations.SECRET, model_accounts.SECRET)


class DatabaseSettings(Settings):
    """The database."""

    model_config = SettingsConfigDict(hide_input_in_errors=True)

    database_url: SecretStr = Field(
        SecretStr("sqlite:///data/parley.db"),
        description="SQLite or PostgreSQL, such as postgresql://user:password@host/name.",
    )
    parley_sqlite_synchronous: Literal["FULL", "NORMAL"] = Field(
        "FULL",
        description="With NORMAL, SQLite commits faster on slow disks; a power cut may lose the last of them.",
    )

    parley_start_wait_s: float = Field(
        60,
        ge=0,
        description="Seconds that a start waits for a database that can't be reached yet.",
    )

    parley_secret_key: SecretStr | None = Field(
        None,
        description="The key by which tokens of teams, and keys of their model accounts, are encrypted in the "
        "database: 32 bytes in base64 or as 64 hexadecimal digits. `parley init` makes one. Without this key a backup "
        "of the database has no tokens.",
    )
    parley_secret_key_before: SecretStr | None = Field(
        None,
        description="The key before PARLEY_SECRET_KEY, while that is changed: it still decrypts, and what it encrypted "
        "is encrypted with the new one within a minute of a start.",
    )

    @field_validator("parley_secret_key", "parley_secret_key_before")
    @classmethod
    def _key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            secret_key_bytes(value.get_secret_value())
        return value

    @field_validator("database_url")
    @classmethod
    def _known(cls, value: SecretStr) -> SecretStr:
        parse_url(value.get_secret_value())
        return value

    @property
    def url(self) -> URL:
        """The URL with the driver that is used. Its string hides the password by default."""
        return parse_url(self.database_url.get_secret_value())

    @property
    def shown_url(self) -> str:
        """The URL as an operator writes it, without its secrets: no driver, no password, and no query, which may hold
        one, or paths of keys."""
        return self.url.set(drivername=self.url.get_backend_name(), query={}).render_as_string()

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database; None for others."""
        return sqlite_file(self.url)

    @property
    def place(self) -> str:
        """The file, socket or host, for the terminal of an operator."""
        return place_of(self.url, os.environ)

    @property
    def secret_keys(self) -> SecretKeys:
        """The keys of secrets, that which encrypts first."""
        given = (self.parley_secret_key, self.parley_secret_key_before)
        return SecretKeys(*(secret_key_bytes(key.get_secret_value()) for key in given if key is not None))

    @property
    def secrets(self) -> list[str]:
        """The passwords in the URL, the rest of which is not secret and has common words; and the keys of secrets."""
        query = self.url.query
        values = [self.url.password, *(query.get(name) for name in ("password", "sslpassword"))]
        keys = (self.parley_secret_key, self.parley_secret_key_before)
        values += [key.get_secret_value() for key in keys if key is not None]
        return [value for value in values if isinstance(value, str) and is_secret(value)]


async def open_store(settings: DatabaseSettings, clock: Clock) -> SqlStore:
    """Bring the schema up to date and open the store. Raises StoreError, and SettingsError where PARLEY_SECRET_KEY is
    another one than that by which tokens are encrypted, or by which other programs encrypt."""
    database, secret_keys = Database(settings.url, settings.parley_sqlite_synchronous), settings.secret_keys
    try:
        with opening(settings.place):
            await database.migrate(upgrade)
            known = ForgottenPeople(await database.read(load))
            counts_spending = await database.read(any_accounts)
            refused = await database.write(known_keys.admit, secret_keys, _SECRETS)
            if refused is not None:
                raise SettingsError(refused)
    except BaseException:
        await database.close()
        raise
    return SqlStore(database, clock, known, counts_spending=counts_spending, secret_keys=secret_keys)


async def open_existing(settings: DatabaseSettings, clock: Clock) -> SqlStore:
    """Open the store as it is, to read it beside a running Parley. Raises StoreError, also where there is no database,
    or one of another version."""
    file = sqlite_file(settings.url)
    if file is not None and not file.exists():
        raise StoreError("there is no database yet: `parley run` makes it", retryable=False)
    database = Database(settings.url, settings.parley_sqlite_synchronous)
    try:
        with opening(settings.place):
            revision = await database.read(revision_of)
        if revision != NEWEST:
            raise StoreError(
                "its schema is another version's: `parley run` of this version upgrades it", retryable=False
            )
    except BaseException:
        await database.close()
        raise
    return SqlStore(database, clock, secret_keys=settings.secret_keys)
