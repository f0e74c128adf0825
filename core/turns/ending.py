"""The end of an answer: its `Finish`, notice and buttons. Pure: values in, values out.

A notice is set under the model's text and says why that text is not a whole answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from core.delivery.picture_queue import PictureQueue
from core.errors import BotError, Code, PlatformError
from core.files.names import safe_name
from core.i18n import cut_error_text, error_text, language_of, name_list, phrase, variant
from core.llm.tokens import estimate
from core.settings.environment import CoreSettings
from core.settings.layers import language_for
from core.spend.prices import merged, priced, total
from core.text import shortened
from core.turns.approval_view import approval_buttons, approval_notice
from core.turns.draft import MOST_ROUNDS, Draft
from core.turns.interrupts import Interrupt
from core.turns.pictures import MOST_SHOWN, ResultPictures, steps_to_pictures
from core.values.conversation import Turn, TurnState
from core.values.deltas import ChargeKind, EndReason, ModelInfo, Usage
from core.values.failures import error_to_failure
from core.values.outgoing import NO_SOURCES, Phase, Reply
from core.values.parts import FileProblem, Unread
from core.values.steps import Decision
from core.values.tasks import ContinueAnswer, Summarize
from core.values.turn_ends import Finish
from core.values.ui import Button
from core.values.usage import Charge

"""The actions of the buttons for an opinion of the earlier answers that an answer cites."""
_MOST_NAMES = 4
"""Files that are named with one reason why they could not be read."""
_UNREAD_LENGTH = 1_200
"""Characters of all that is said of files: a notice has to fit one message."""


def draft_to_finish(turn: Turn, draft: Draft, language: str, default: ModelInfo, now_s: float) -> Finish:
    """The end of `turn` with everything in `draft`. `default` is the model where none was selected,
    `now_s` the monotonic time of the end."""
    error, asked = draft.error, draft.asked
    ended = TurnState.ASKING if asked else TurnState.DONE
    state = TurnState.STOPPED if draft.interrupt else TurnState.FAILED if error else ended
    whole = state is TurnState.DONE and draft.declined is None
    results = steps_to_pictures(draft.steps, turn.id, language) if whole else ResultPictures()
    return Finish(
        turn,
        state,
        draft.text,
        notice="\n".join(
            filter(
                None,
                (
                    _notice(turn, draft, language) or resumed_notice(turn, draft.text, language),
                    "" if draft.interrupt else _unread(turn, draft, language),
                    phrase("summed_up", language) if draft.tells_summary and whole else "",
                    phrase("pictures_left_out", language, n=results.left_out, most=MOST_SHOWN)
                    if results.left_out
                    else "",
                ),
            )
        ),
        buttons=_buttons(turn, draft, language),
        error=str(error.code) if error is not None else "",
        ref=error.ref if error is not None else "",
        failure=error_to_failure(error) if error is not None else None,
        model=(draft.model_info or default).name,
        usage=total(charge.usage for charge in draft.charges),
        own_account=draft.own_account,
        charges=merged(draft.charged if state is TurnState.ASKING else draft.charges),
        of_steps=merged(draft.charges_of_steps) if state is TurnState.ASKING else (),
        estimate_tokens=_estimate_tokens(draft),
        latency_ms=round((now_s - draft.began_s) * 1000),
        first_word_s=draft.first_word_s,
        tools=draft.tools_used,
        rounds=len(draft.rounds),
        asked=(len(draft.steps) - 1, asked) if asked else None,
        pictures=results.pictures,
        meaning=draft.meaning,
    )


def _estimate_tokens(draft: Draft) -> int | None:
    """`Finish.estimate_tokens`. The tokens of the question's vector are in the usage too."""
    embedded = [one.usage.prompt_tokens for one in draft.charged if one.kind is ChargeKind.EMBEDDING]
    if len(draft.charged) > len(embedded) or len(draft.rounds) > 1:
        return None
    return draft.prompt_tokens + sum(embedded)


def draft_to_charge(
    draft: Draft, usage: Usage | None, default: ModelInfo, day: date, kind: ChargeKind = ChargeKind.ANSWER
) -> Charge:
    """The charge for `usage` at the prices of the draft's model on `day` (UTC); for an estimate where the endpoint
    reports none."""
    model_info = draft.model_info or default
    reasoning, arguments = (
        estimate("".join(pieces)) if pieces else 0 for pieces in (draft.reasoning, draft.arguments)
    )
    written = estimate(draft.round_text) + reasoning + arguments
    estimated = Usage(draft.prompt_tokens, written, reasoning, estimated=True)
    return Charge(kind, model_info.name, priced(usage or estimated, model_info, day, draft.pictures))


def turn_language(turn: Turn, draft: Draft, settings: CoreSettings) -> str:
    """The language of the turn's notices and buttons. Until the channel's settings are read, the asker's locale."""
    author = turn.ask.author
    if draft.settings is None:
        return variant(language_of(author.locale, settings.parley_language), turn.ask.place.platform)
    return language_for(author, draft.settings, settings)


def turn_button(action: str, turn: Turn, language: str) -> Button:
    """A button that acts on `turn`."""
    return Button(action, phrase(action, language), turn.id)


def resumed_notice(turn: Turn, text: str, language: str) -> str:
    """A notice where `text` is not a continuation of the text that an earlier process showed; else empty."""
    return "" if not turn.posted or text.startswith(turn.text) else phrase("resumed", language)


def nothing_to_answer(turn: Turn) -> str:
    """The key of the phrase for a turn without any material to answer from."""
    if isinstance(turn.ask.task, Summarize):
        return "summary_nothing"
    return "wordless_direct" if turn.ask.place.direct else "wordless"


def last_view(finish: Finish) -> Reply:
    """The whole answer, with its sources, notice, buttons and pictures. A picture within it has its caption under the
    text."""
    return Reply(
        finish.captioned(finish.text),
        Phase.ENDED,
        finish.notice,
        finish.buttons,
        pictures=finish.pictures,
        embedded=finish.embedded,
        own=finish.turn.ask.announces,
        sources=finish.sources,
    )


def without_refused(finish: Finish, pictures: PictureQueue, language: str) -> Finish:
    """`finish` with a notice of the pictures that could not be shown, and why; itself where all are shown."""
    notices = []
    if pictures.refused:
        key = "pictures_not_allowed" if Code.APP_SETUP in pictures.refused else "pictures_not_shown"
        notices.append(phrase(key, language, n=len(pictures.refused)))
    if pictures.not_embedded is not None:
        finish = replace(finish, embedded=None)
        notices.append(phrase("chart_failed", language))
    if not notices:
        return finish
    return replace(finish, notice="\n".join(filter(None, (finish.notice, *notices))))


def unreachable(finish: Finish, error: PlatformError) -> Finish:
    """The platform could not be reached for long: the answer is kept, and is recorded as failed."""
    return replace(finish, state=TurnState.FAILED) if finish.error else failed(finish, error)


def failed(finish: Finish, error: BotError) -> Finish:
    """`finish` as a failure by `error`."""
    failure = error_to_failure(error)
    return replace(finish, state=TurnState.FAILED, error=str(error.code), ref=error.ref, failure=failure)


def refused(finish: Finish, error: PlatformError, text: str, language: str, *, left: bool) -> Finish:
    """The platform takes no more of the answer, or a person deleted it there: `text` is the part that can still
    be read. `left`: a message of the answer is left to say so in."""
    finish = replace(finish, pictures=(), embedded=None, sources=NO_SOURCES, cited=())
    announces = finish.turn.ask.announces
    again = () if announces else (turn_button("again", finish.turn, language),)
    if error.code is Code.GONE and not announces:
        notice, buttons = (phrase(str(Interrupt.REMOVED), language), again) if left else ("", ())
        return replace(finish, state=TurnState.STOPPED, text=text, notice=notice, buttons=buttons)
    error.ref = finish.ref or error.ref  # the one that is stored
    notice = cut_error_text(error, language) if text else error_text(error, language)
    return replace(unreachable(finish, error), text=text, notice=notice, buttons=again)


def shorter_and_shorter(messages: Sequence[str]) -> list[str]:
    """The text of all messages, of all but the last one, and none."""
    return list(dict.fromkeys(("".join(messages), "".join(messages[:-1]), "")))


def _notice(turn: Turn, draft: Draft, language: str) -> str:
    """The reason why the text is not a whole answer; empty where it is one."""
    if draft.interrupt is not None:
        return phrase(str(draft.interrupt), language)
    if draft.error is not None:
        if draft.error.code is Code.EMPTY and draft.ended and draft.ended.reason is EndReason.LENGTH:
            return error_text(draft.error, language, "length_empty")
        return cut_error_text(draft.error, language) if draft.text else error_text(draft.error, language)
    if draft.asked is not None:
        return approval_notice(turn, draft.asked, language)
    if draft.declined is not None:
        return phrase(f"approval_{draft.declined}", language)
    reason = draft.ended.reason if draft.ended else EndReason.STOP
    if draft.exhausted:
        return phrase("tools_exhausted", language, n=MOST_ROUNDS - 1)
    if draft.near_limit:
        return phrase("tools_near_limit", language)
    if reason is EndReason.LENGTH:
        return phrase("length", language)
    if reason is EndReason.POLICY:
        return phrase("policy_end", language)
    return ""


def _unread(turn: Turn, draft: Draft, language: str) -> str:
    """Sentences about the parts and files that could not be read; empty where there are none, and for a continuation:
    the answer before it says them."""
    if isinstance(turn.ask.task, ContinueAnswer):
        return ""
    parts = dict.fromkeys(one.kind for one in turn.ask.attached if isinstance(one, Unread))
    lines = [phrase("unread_parts", language, what=phrase(f"unread_{kind}", language)) for kind in parts]
    told = {one.name for one in draft.file_news}
    names: dict[FileProblem, list[str]] = {}
    for one in dict.fromkeys((*draft.file_news, *(one for one in draft.unseen if one.name not in told))):
        name = safe_name(one.name) or phrase("file_unnamed", language)
        names.setdefault(one.problem, []).append(name)
    for problem, some in names.items():
        why = phrase(f"file_problem_{problem}", language)
        lines.append(phrase("file_unread", language, name=_listed(some, language), why=why))
    return shortened("\n".join(lines), _UNREAD_LENGTH)


def _listed(names: Sequence[str], language: str) -> str:
    """The names of the files that could not be read for one reason; of many the first ones."""
    shown, more = name_list(names[:_MOST_NAMES], language), len(names) - _MOST_NAMES
    return phrase("file_names", language, names=shown, count=more) if more > 0 else shown


def _buttons(turn: Turn, draft: Draft, language: str) -> tuple[Button, ...]:
    """The buttons of an answer, whole or not."""
    if draft.interrupt in (Interrupt.WITHDRAWN, Interrupt.FORGOTTEN):
        return ()
    if draft.error is not None or draft.interrupt is not None:
        return (turn_button("again", turn, language),)
    if draft.asked is not None:
        return approval_buttons(turn, draft.asked, language)
    if draft.declined is Decision.EXPIRED:
        return (turn_button("again", turn, language),)
    if draft.declined is not None or not draft.steps:
        return ()
    cut = draft.may_go_on or (draft.ended is not None and draft.ended.reason is EndReason.LENGTH)
    actions = (("continue",) if cut else ()) + ("regenerate", "up", "down")
    return tuple(turn_button(action, turn, language) for action in actions)
