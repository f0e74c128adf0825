"""The last view of an answer on its platform, also where the platform takes no more of it."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import structlog

from core.clock import Clock
from core.delivery.answer import AnswerDelivery
from core.delivery.scheduler import DeliveryScheduler
from core.errors import Code, PlatformError
from core.spend.prices import NO_USAGE
from core.turns.ending import last_view, refused, shorter_and_shorter, unreachable, without_refused
from core.values.conversation import Turn
from core.values.outgoing import Phase, Reply, Sources
from core.values.turn_ends import AnswerFooter, Finish

log = structlog.get_logger()


async def show_last(finish: Finish, delivery: AnswerDelivery, language: str, clock: Clock) -> Finish:
    """Show the whole answer, wait until it can be seen, and return `finish` with the result, the message ids and the
    pictures that are shown."""
    if delivery.error is None:
        delivery.show(last_view(finish), clock.monotonic())
    try:
        await delivery.finished()
        shown = without_refused(finish, delivery.pictures, language)
        if shown is not finish:
            finish = shown
            delivery.show(last_view(finish), clock.monotonic())
            await delivery.finished()
    except PlatformError as error:
        if error.retryable:
            finish = unreachable(finish, error)
        else:
            finish = await _conclude(finish, error, delivery, language, clock)
    return replace(finish, posted=tuple(delivery.posted), pictures=tuple(delivery.pictures.shown))


async def _conclude(
    finish: Finish, error: PlatformError, delivery: AnswerDelivery, language: str, clock: Clock
) -> Finish:
    """Show `error` under the text that can be read; where that is refused too, under less of it, or alone."""
    for text in shorter_and_shorter(delivery.standing):
        finish = refused(finish, error, text, language, left=bool(delivery.posted))
        delivery.conclude(last_view(finish), clock.monotonic())
        with contextlib.suppress(PlatformError):
            await delivery.finished()
            return finish
    log.error("failure_not_shown", **error.log_keys)
    return finish


async def show_anew(
    answer: Turn,
    footer: AnswerFooter | None,
    sources: Sources,
    scheduler: DeliveryScheduler,
    clock: Clock,
    quote: str = "",
) -> None:
    """Show the ended or ASKING turn `answer` in the messages that are left of it, with these sources under it and this
    quote above it. Posts nothing."""
    notice, buttons = (footer.notice, footer.buttons) if footer else ("", ())
    text = quote + answer.text
    reply = Reply(text, Phase.ENDED, notice, buttons, quote_length=len(quote), sources=sources)
    await show_instead(reply, answer, scheduler, clock)


async def show_instead(reply: Reply, turn: Turn, scheduler: DeliveryScheduler, clock: Clock) -> None:
    """Show `reply` in the messages that are left of the ended or ASKING `turn`. Posts nothing where none is left. A
    failure is logged."""

    async def on_post(_: tuple[str, ...]) -> None:
        """Keep no ids: the turn has ended."""

    key, posted = f"turn-{turn.id}", turn.posted
    while posted:  # of which each try that fails for a deleted message has one less
        delivery = scheduler.delivery(turn.ask, key, on_post, posted, look_first=False, turn_id=turn.id)
        try:
            delivery.correct(reply, clock.monotonic())
            await delivery.finished()
            return
        except PlatformError as error:
            before, posted = posted, tuple(delivery.posted)
            if error.code is not Code.GONE or len(posted) >= len(before):
                log.warning("answer_not_changed", turn=turn.id, **error.log_keys)
                return
        finally:
            scheduler.release(delivery)


def log_finished(finish: Finish) -> None:
    """Log the asker, the place, the model, the times, the cost and the outcome of an answer."""
    ask, usage = finish.turn.ask, finish.usage or NO_USAGE
    log.info(
        "answer_finished",
        asker=ask.author.id,
        place=ask.place.key,
        turn=finish.turn.id,
        model=finish.model,
        first_word_s=None if finish.first_word_s is None else round(finish.first_word_s, 3),
        total_s=finish.latency_ms / 1000,
        tokens_in=usage.prompt_tokens,
        tokens_out=usage.completion_tokens,
        cost=None if usage.cost_micros is None else usage.cost_micros / 1_000_000,
        rounds=finish.rounds,
        tools=",".join(finish.tools.names),
        outcome=str(finish.state),
        code=finish.error,
        ref=finish.ref,
    )
