"""The errors of Parley, in one tree, as deep as callers distinguish them:

    BotError                 code, retryable, certain, retry_after_s, ref
    ├── SettingsError        settings are wrong or missing: one line each that names it, exit status 2
    ├── PlatformError        a call to a platform failed
    ├── ModelError           the completions endpoint gave no answer
    ├── BudgetError          a limit of spending is reached
    └── StoreError           a call to the database failed

Each package maps foreign exceptions to these in one table: `core/llm/errors`, and `errors` of a platform's folder.
`core.i18n.error_text` returns the sentence for a person, by code alone. `detail` holds the text of the other side, for
the operator's log only.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

REF_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that is read as something else


def new_ref() -> str:
    """A short reference that a person can read out and an operator can search the log for."""
    return "".join(secrets.choice(REF_ALPHABET) for _ in range(6))


class Code(StrEnum):
    """The cause of an error. Each has its sentence in every language and, for models, its advice to the
    operator."""

    # The model: what an endpoint or the wire to it did (core/llm/errors).
    BAD_REQUEST = "bad_request"
    CONTEXT_OVERFLOW = "context_overflow"
    POLICY = "policy"
    BAD_KEY = "bad_key"
    NO_MONEY = "no_money"
    FORBIDDEN = "forbidden"
    NO_MODEL = "no_model"
    WRONG_URL = "wrong_url"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    GATEWAY_TIMEOUT = "gateway_timeout"
    UNREACHABLE = "unreachable"
    STALLED = "stalled"
    CUT = "cut"
    ERROR_IN_STREAM = "error_in_stream"
    EMPTY = "empty"
    GARBLED = "garbled"
    # The model: what several of its answers show (core/turns).
    OTHER_VECTORS = "other_vectors"  # embeddings of another dimension than those that are stored
    NO_SUMMARY = "no_summary"  # of a long thread, after several attempts
    NOT_LISTED = "not_listed"  # the list of models at an endpoint lacks one that is set
    # The platform.
    SLOW_DOWN = "slow_down"
    GONE = "gone"
    NOT_ALLOWED = "not_allowed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    UNAVAILABLE = "unavailable"
    UNCERTAIN = "uncertain"
    BAD_TOKEN = "bad_token"
    APP_SETUP = "app_setup"  # the platform refuses the app as it is set up there
    UNSUPPORTED = "unsupported"  # not here, and asking again would not help
    GROWING = "growing"  # the message still grows: stop it, then edit it
    GROWN = "grown"  # the message no longer grows: edit it
    HALTED = "halted"  # a person pressed the platform's own stop button
    # Parley itself.
    STORE = "store"
    SETTINGS = "settings"
    INTERNAL = "internal"
    OVERLOADED = "overloaded"  # the event loop does not keep up
    BUDGET = "budget"  # what may be spent is spent
    CHANGED = "changed"  # the model account of the workspace was removed while a question was on its way to it
    SET_ASIDE = "set_aside"  # the program died twice while this turn ran


class BotError(Exception):
    """The base class. `retryable`: the same call may succeed later. `certain`: it certainly had no effect.

    `retry_after_s` is the wait in seconds that the other side asked for, if any. `detail` is for the operator, redacted
    and at most 500 characters.
    """

    def __init__(
        self,
        code: Code,
        detail: str = "",
        *,
        retryable: bool = False,
        certain: bool = True,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}" if detail else str(code))
        self.code = code
        self.detail = detail[:500]
        self.retryable = retryable
        self.certain = certain
        self.retry_after_s = retry_after_s
        self.ref = new_ref()

    @property
    def log_keys(self) -> dict[str, str]:
        """The keys of a log event about this error."""
        return {"code": str(self.code), "detail": self.detail, "ref": self.ref}

    @property
    def kind(self) -> str:
        """The class of the fault below this one, for the operators; empty where there is none."""
        return type(self.__cause__).__name__ if self.__cause__ is not None else ""


class SettingsError(BotError):
    """Settings are wrong or missing. `lines` has one line for each, that names the variable; `detail` is all of
    them. `warnings`: a line for each variable that may be a misspelt setting."""

    def __init__(self, *lines: str, warnings: Sequence[str] = ()) -> None:
        super().__init__(Code.SETTINGS, "\n".join(lines))
        self.lines = lines
        self.warnings = tuple(warnings)

    def __str__(self) -> str:
        return self.detail


class PlatformError(BotError):
    """A platform call was refused (`certain`), or may or may not have taken effect (not `certain`).

    `scope` is the budget that was exceeded, where the platform said which; else it is empty.
    """

    scope: str = ""


@dataclass(frozen=True, slots=True)
class LengthLimit:
    """The limits that a refusal names: `tokens` and `images` are the most that a request may hold,
    `asked_tokens` the count of this one. Each is 0 where the refusal does not name it."""

    tokens: int = 0
    asked_tokens: int = 0
    images: int = 0

    @property
    def share(self) -> float:
        """The share of the request that would have been short enough; 0 where it isn't known."""
        return self.tokens / self.asked_tokens if self.tokens and self.asked_tokens else 0.0


class UnreadError(PlatformError):
    """The messages of a place could not be read, so nothing can be said about them. `code` is the cause."""


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """The request that failed: the `tries`-th of its question. `places`: the settings to check (`Route.places`)."""

    account: str
    model: str
    tries: int
    places: Mapping[str, str]


class ModelError(BotError):
    """No answer, or no whole one. `status` and `request_id` are the endpoint's, for the log.

    `ours`: the endpoint is not to blame. `reported`: an alert of this error has reached the operators. `quotes`: the
    refusal quotes the request. `limit`: the longest request that the refusal allows, as far as it says.
    `request`: the last request of the question. `own_account`: the model account of the workspace was asked.
    """

    ours: bool = False
    reported: bool = False
    quotes: bool = False
    limit: LengthLimit = LengthLimit()
    request: FailedRequest | None = None
    own_account: bool = False

    def __init__(
        self,
        code: Code,
        detail: str = "",
        *,
        retryable: bool = False,
        retry_after_s: float | None = None,
        status: int = 0,
        request_id: str = "",
        parameter: str = "",
    ) -> None:
        super().__init__(code, detail, retryable=retryable, retry_after_s=retry_after_s)
        self.status = status
        self.request_id = request_id
        self.parameter = parameter


class BudgetError(BotError):
    """A limit of spending is reached, or can't be kept. `text` says which in the asker's language; no other part of the
    error is for people. `ref` is the reference in `text`, if there is one, and `detail` names the limit."""

    def __init__(self, text: str, detail: str = "", ref: str = "") -> None:
        super().__init__(Code.BUDGET, detail)
        self.text = text
        self.ref = ref or self.ref


class StoreError(BotError):
    """The database failed. Retryable: the cause (a lock, a lost connection, a full disk) may go away.

    `cause` names the fault in a few words, such as `disk is full`; `reason` adds what the system said, if it did.
    `lasting`: it stays until a person changes a setting or the database. `shown` is for the terminal of an operator
    alone: the words, with the file, socket or host where the database could not be opened.
    """

    def __init__(
        self,
        detail: str = "",
        *,
        retryable: bool = True,
        cause: str = "",
        reason: str = "",
        lasting: bool = False,
    ) -> None:
        super().__init__(Code.STORE, detail, retryable=retryable)
        self.cause = cause
        self.reason = reason
        self.lasting = lasting
        self.shown = detail

    @property
    def words(self) -> str:
        """The fault without the names of the driver."""
        return ": ".join(filter(None, (self.cause, self.reason))) or self.detail

    @property
    def kind(self) -> str:
        return self.cause
