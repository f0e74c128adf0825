"""What the page's API can refuse: one row each, with its status and its words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.i18n import language_of

TEXT_LIMIT = 32_000
"""The longest message, in characters."""

RETRY_AFTER_S = 5


class Reason(StrEnum):
    WRONG_HOST = "wrong_host"
    CROSS_SITE = "cross_site"
    NOT_JSON = "not_json"
    MALFORMED = "malformed"
    EMPTY = "empty"
    TOO_LONG = "too_long"
    TOO_SLOW = "too_slow"
    STREAMS = "streams"
    NO_THREAD = "no_thread"
    OUT_OF_DATE = "out_of_date"
    UNANSWERED = "unanswered"
    DRAINING = "draining"
    STARTING = "starting"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Words:
    status: int
    en: str
    zh: str


WORDS = {
    Reason.WRONG_HOST: Words(
        421,
        "Parley doesn't answer under this name. Open the address that Parley printed when it started, or have whoever "
        "runs it add the name to PARLEY_ALLOWED_HOSTS.",
        "Parley 不使用这个地址。请打开 Parley 启动时显示的地址，或请运行它的人把它加入 PARLEY_ALLOWED_HOSTS。",
    ),
    Reason.CROSS_SITE: Words(
        403, "Only Parley's own page may do this.", "只有 Parley 自己的页面可以执行此操作。"
    ),
    Reason.NOT_JSON: Words(
        415, "The request must be JSON (application/json).", "请求必须是 JSON（application/json）。"
    ),
    Reason.MALFORMED: Words(
        400, "The request could not be understood. Reload the page.", "无法理解该请求。请刷新页面。"
    ),
    Reason.EMPTY: Words(400, "There is nothing to send yet.", "还没有可发送的内容。"),
    Reason.TOO_LONG: Words(
        413,
        f"This is too long: one message holds up to {TEXT_LIMIT:,} characters. Send it in parts.",
        f"内容太长：一条消息最多 {TEXT_LIMIT:,} 个字符。请分几次发送。",
    ),
    Reason.TOO_SLOW: Words(
        408, "The message didn't arrive in time. Send it again.", "消息没有及时送达。请重新发送。"
    ),
    Reason.STREAMS: Words(
        429,
        "Too many pages are open here. Close some, and this one continues by itself.",
        "打开的页面太多。请关闭几个，本页随后会自动继续。",
    ),
    Reason.NO_THREAD: Words(404, "There is no such thread.", "没有这个话题。"),
    Reason.OUT_OF_DATE: Words(
        409, "This can no longer be done here. Ask again below.", "此操作已失效。请在下方重新提问。"
    ),
    Reason.UNANSWERED: Words(403, "I don't answer this here.", "我在这里不回答这条消息。"),
    Reason.DRAINING: Words(
        503, "Parley is restarting. Try again in a moment.", "Parley 正在重启。请稍后再试。"
    ),
    Reason.STARTING: Words(503, "Parley is starting. Try again in a moment.", "Parley 正在启动。请稍后再试。"),
    Reason.STORE: Words(
        503,
        "This could not be saved just now. Try again in a moment.",
        "暂时无法保存。请稍后再试。",
    ),
}


class RequestError(Exception):
    """A request that is not done, and why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = WORDS[reason].status

    def words(self, locale: str) -> str:
        words = WORDS[self.reason]
        return words.zh if language_of(locale) == "zh" else words.en
