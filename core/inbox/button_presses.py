"""Buttons under answers: stop, answer again, go on, rate, decide about tool calls."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from core.access import refusal
from core.commands.handlers import CommandHandlers
from core.i18n import language_of, phrase, variant
from core.inbox.approvals import ENDING_S, Approvals
from core.inbox.eligibility import Eligibility, refusal_reply
from core.inbox.interruptions import TellOthers, to_nobody
from core.memory.citations import OPINIONS
from core.ports.store import Store
from core.ports.store.privacy import Feedback
from core.settings.channel import ChannelSettings
from core.spend.budget_alerts import budget_zone
from core.spend.budget_lifts import BudgetLifts, LiftOutcome
from core.spend.budget_text import lifted_to_text
from core.turns.approval_view import action_and_key
from core.turns.running import RunningTurns
from core.values.conversation import Turn, TurnState
from core.values.events import ButtonPress, Outcome, Receipt, Stopped
from core.values.places import Person, Place
from core.values.tasks import BudgetReached, ContinueAnswer, Summarize, Task, task_again
from core.values.ui import Button, ImmediateReply

log = structlog.get_logger()

_RETRIES = ("again", "regenerate", "continue")
_RATINGS = {"up": 1, "down": -1, "reason": -1}
_RATINGS_OF_CITED = dict(zip(OPINIONS, (1, -1), strict=True))


class ButtonPresses:
    """Passes each new turn to `submit`. `tell_others`: as in `Interruptions`. Every method raises StoreError."""

    def __init__(
        self,
        store: Store,
        submit: Callable[[Turn], None],
        live: RunningTurns,
        handlers: CommandHandlers,
        eligibility: Eligibility,
        approvals: Approvals,
        tell_others: TellOthers = to_nobody,
    ) -> None:
        self._tell_others = tell_others
        self._store = store
        self._submit = submit
        self._live = live
        self._handlers = handlers
        self._eligibility = eligibility
        self._approvals = approvals

    async def press(self, press: ButtonPress) -> Receipt:
        """Take the press of a button whose turn is one of the channel it was pressed in."""
        turn = await self._store.turn(press.turn_id)
        settings = await self._handlers.settings(press.place, press.author)
        language = self._handlers.language(press.author, settings)
        if turn is None or turn.forgotten or not _is_in(turn, press.place):
            prefix = self._handlers.traits(press.place).typed_prefix
            key = "budget_lift_late" if press.action == "budget_lift" else "pressed_late"
            return Receipt(Outcome.UNKNOWN, reply=refusal_reply(phrase(key, language, prefix=prefix)))
        log.info("button_pressed", turn=turn.id, action=press.action, place=press.place.key)
        if isinstance(turn.ask.task, BudgetReached):
            return await self._lift(press, turn, turn.ask.task, settings, language)
        if press.action == "stop":
            return await self._stop(press, turn, settings, language)
        if why := refusal(press.author, press.place, settings):
            return _refusal(turn, phrase(why, language))
        if action_and_key(press.action):
            return await self._approvals.press(press, turn, language)
        if press.action in _RATINGS:
            return await self._rate(press, turn, language)
        if press.action in _RATINGS_OF_CITED:
            return await self._rate_cited(press, turn, language)
        if press.action in _RETRIES:
            return await self._retry(press, turn, settings, language)
        return Receipt(Outcome.UNKNOWN, turn.id)

    async def _stop(self, press: ButtonPress, turn: Turn, settings: ChannelSettings, language: str) -> Receipt:
        """The asker may always stop their answer, also after they were denied. An answer that waits for an approval
        ends too."""
        own = press.author.id == turn.ask.author.id
        if not own and (why := refusal(press.author, press.place, settings)):
            self._live.refuse_stop(turn.id)
            await self._tell_others(Stopped(turn.id, refused=True))
            return _refusal(turn, phrase(why, language))
        stopped = self._live.stop(turn.id)
        if not stopped and turn.is_open:
            stopped = await self._tell_others(Stopped(turn.id))
        stopped = await self._approvals.withdraw(lambda one: one.id == turn.id, press.author) or stopped
        return Receipt(Outcome.NOTED if stopped else Outcome.UNKNOWN, turn.id)

    async def _lift(
        self,
        press: ButtonPress,
        turn: Turn,
        reached: BudgetReached,
        settings: ChannelSettings,
        language: str,
    ) -> Receipt:
        """An admin of the place of the alert allows the limit once more. The operator chose that place."""
        if not self._handlers.is_admin(press.author, press.place):
            return _refusal(turn, phrase("settings_by_admin", language))
        core, clock = self._handlers.core, self._handlers.clock
        lifts = BudgetLifts(self._store, core, clock, self._handlers.budgets.on_lifted)
        outcome = await lifts.lift(reached, press.author, press.place)
        if outcome is not LiftOutcome.LIFTED:
            words = phrase(outcome, language, prefix=self._handlers.traits(press.place).typed_prefix)
            return Receipt(Outcome.DUPLICATE, turn.id, ImmediateReply(words))
        zone = await budget_zone(reached.budget, settings.zone, self._store, core)
        language = variant(
            language_of(turn.ask.author.locale, core.parley_language), press.place.platform
        )  # that of the alert: all its readers see the reply
        words = lifted_to_text(reached, press.author.name, language, core.parley_currency, zone)
        return Receipt(Outcome.NOTED, turn.id, ImmediateReply(words, whisper=False))

    async def _retry(self, press: ButtonPress, turn: Turn, settings: ChannelSettings, language: str) -> Receipt:
        if press.action == "regenerate" and press.author.id != turn.ask.author.id:
            return _refusal(turn, phrase("not_asker", language))
        if isinstance(turn.ask.task, Summarize) and not press.author.may_read:
            return _refusal(turn, phrase("refused_history", language))
        key = f"press-{turn.id}"
        eligible = await self._eligibility.check(press.author, press.place, settings, key, tell=True)
        if eligible.refused is not None:
            return eligible.refused
        again = await self._again(turn, _task(press.action, turn), press.author)
        if again is None:
            return Receipt(Outcome.DUPLICATE, turn.id, ImmediateReply(phrase("pressed_already", language)))
        self._eligibility.count(press.author, press.place, key)
        self._submit(again)
        note = await self._eligibility.note(press.author, press.place, settings, eligible)
        return Receipt(Outcome.TURN, again.id, note)

    async def _again(self, turn: Turn, task: Task, by: Person) -> Turn | None:
        """The new turn. Its asker stays, so that nobody else approves its calls; it reads what both may read, and `by`
        pays for it."""
        for pause_s in (*ENDING_S, 0.0):
            again = await self._store.retry_turn(turn.id, task, by)
            now = await self._store.turn(turn.id) if again is None else None
            if now is None or now.state not in (TurnState.WAITING, TurnState.RUNNING):
                return again
            await self._handlers.clock.sleep(pause_s)
        return None

    async def _rate(self, press: ButtonPress, turn: Turn, language: str) -> Receipt:
        value, at = _RATINGS[press.action], self._handlers.clock.now()
        await self._store.rate(turn.id, Feedback(press.author.id, value, press.text.strip(), at))
        told = ImmediateReply(phrase("thanks", language))
        if press.action == "down":
            why = Button("reason", phrase("reason", language), turn.id)
            told = ImmediateReply(phrase("thanks_down", language), buttons=(why,))
        return Receipt(Outcome.NOTED, turn.id, told)

    async def _rate_cited(self, press: ButtonPress, turn: Turn, language: str) -> Receipt:
        """An opinion of the earlier answers that the answer cites (`core.memory.opinions`). The same press again takes
        it back."""
        value, at = _RATINGS_OF_CITED[press.action], self._handlers.clock.now()
        footer = None
        for pause_s in (*ENDING_S, 0.0):  # it may be shown, and not stored yet
            footer = await self._store.answer_footer(turn.id)
            if footer is not None:
                break
            await self._handlers.clock.sleep(pause_s)
        if footer is not None and not footer.cited:  # they were forgotten or deleted meanwhile
            prefix = self._handlers.traits(press.place).typed_prefix
            words = phrase("pressed_late", language, prefix=prefix)
            return Receipt(Outcome.UNKNOWN, turn.id, ImmediateReply(words))
        cited = [source for _, source in footer.cited] if footer else []
        now = await self._store.rate_sources(turn.id, cited, press.author.id, value, at)
        key = {1: "thanks_cited_up", -1: "thanks_cited_down"}.get(now, "cited_taken_back")
        return Receipt(Outcome.NOTED, turn.id, ImmediateReply(phrase(key, language)))


def _is_in(turn: Turn, place: Place) -> bool:
    """True if the message of `turn` is in the channel of `place`. The team of an announcement may be unknown."""
    asked = turn.ask.place
    if turn.ask.announces:
        return (asked.platform, asked.channel) == (place.platform, place.channel)
    return asked.channel_key == place.channel_key


def _refusal(turn: Turn, words: str) -> Receipt:
    return Receipt(Outcome.REFUSED, turn.id, refusal_reply(words))


def _task(action: str, turn: Turn) -> Task:
    if action == "continue":
        return ContinueAnswer()
    return task_again(turn.ask.task)
