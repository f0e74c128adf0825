"""The store port over dicts: complete, in memory, gone with the process. For tests that are not about SQL.

Set `failing` to have every call raise StoreError, as a database that is away would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from core.errors import StoreError
from core.ports import Finish, Spent, Tally, Thread
from core.types import Ask, Deleted, Edited, Entry, History, Person, Place, Task, Turn, TurnState

_TITLE_CHARS = 80
_OPEN = (TurnState.WAITING, TurnState.RUNNING)


@dataclass(slots=True)
class _Talk:
    """One place: its lines by id (with the order in which they came), and whether it is joined and filled."""

    place: Place
    lines: dict[str, tuple[int, Entry]] = field(default_factory=dict)
    joined: bool = False
    filled: bool = False

    def add(self, entry: Entry) -> bool:
        if entry.id in self.lines:
            return False
        self.lines[entry.id] = (1 + max((came for came, _ in self.lines.values()), default=0), entry)
        return True

    def rank(self, entry: Entry) -> tuple[datetime, int, int]:
        """When it was said, then as it came; an answer directly behind its question."""
        came = self.lines[entry.id][0]
        anchor = self.lines.get(entry.anchor)
        return (anchor[1].at, anchor[0], came) if anchor else (entry.at, came, 0)

    def ordered(self) -> list[Entry]:
        return sorted((entry for _, entry in self.lines.values()), key=self.rank)


class MemoryStore:
    def __init__(self) -> None:
        self.failing = False
        self._talks: dict[str, _Talk] = {}
        self._turns: dict[int, Turn] = {}
        self._ids: dict[str, int] = {}
        self._finishes: dict[int, Finish] = {}

    async def accept(self, ask: Ask) -> Turn | None:
        self._work()
        if ask.key in self._ids:
            return None
        talk = self._talk(ask.place)
        talk.joined = True
        talk.add(_line(ask))
        turn = Turn(len(self._turns) + 1, ask)
        self._turns[turn.id] = turn
        self._ids[ask.key] = turn.id
        return turn

    async def note(self, ask: Ask) -> bool:
        self._work()
        return self._talk(ask.place).add(_line(ask))

    async def joined(self, place: Place) -> bool:
        self._work()
        talk = self._talks.get(place.key)
        return talk is not None and talk.joined

    async def place_of_post(self, place: Place, message_id: str) -> Place | None:
        self._work()
        for turn in self._turns.values():
            if turn.ask.place.channel_key == place.channel_key and message_id in turn.posted:
                return turn.ask.place
        return None

    async def edit(self, edited: Edited) -> bool:
        self._work()
        for talk in self._holding(edited.place, edited.message_id):
            came, entry = talk.lines[edited.message_id]
            talk.lines[edited.message_id] = (came, replace(entry, text=edited.text))
            return True
        return False

    async def delete(self, deleted: Deleted) -> bool:
        self._work()
        for talk in self._holding(deleted.place, deleted.message_id):
            del talk.lines[deleted.message_id]
            return True
        return False

    async def fill(self, place: Place, history: History) -> None:
        self._work()
        talk = self._talk(place)
        for entry in history.entries:
            talk.add(entry)
        talk.filled = talk.filled or history.complete

    async def filled(self, place: Place) -> bool:
        self._work()
        talk = self._talks.get(place.key)
        return talk is not None and talk.filled

    async def lines(self, place: Place, until: Ask | None = None, limit: int = 400) -> list[Entry]:
        self._work()
        talk = self._talks.get(place.key)
        if talk is None:
            return []
        entries = talk.ordered()
        if until is not None:
            own = talk.lines.get(until.id)
            last = talk.rank(own[1]) if own else (until.at, len(talk.lines), 0)
            entries = [entry for entry in entries if talk.rank(entry) <= last]
        return entries[-limit:]

    async def threads(self, platform: str, team: str, limit: int = 50) -> list[Thread]:
        self._work()
        found = []
        for talk in self._talks.values():
            lines = talk.ordered()
            if talk.joined and lines and (talk.place.platform, talk.place.team) == (platform, team):
                words = " ".join(lines[0].text.split())
                found.append(Thread(talk.place, words[:_TITLE_CHARS], lines[-1].at))
        return sorted(found, key=lambda thread: thread.at, reverse=True)[:limit]

    async def open_turns(self, after_id: int = 0) -> list[Turn]:
        self._work()
        return [turn for turn in self._turns.values() if turn.id > after_id and turn.state in _OPEN]

    async def turn(self, turn_id: int) -> Turn | None:
        self._work()
        return self._turns.get(turn_id)

    async def begin(self, turn_id: int) -> Turn:
        self._work()
        turn = self._turns[turn_id]
        self._turns[turn_id] = replace(turn, state=TurnState.RUNNING, attempt=turn.attempt + 1)
        return self._turns[turn_id]

    async def checkpoint(self, turns: Sequence[tuple[int, str, tuple[str, ...]]]) -> None:
        self._work()
        for turn_id, text, posted in turns:
            if self._turns[turn_id].state in _OPEN:
                self._turns[turn_id] = replace(self._turns[turn_id], text=text, posted=posted)

    async def finish(self, finish: Finish) -> None:
        self._work()
        turn = self._turns[finish.turn.id]
        if turn.state not in _OPEN:
            return
        ask = turn.ask
        self._turns[turn.id] = replace(turn, state=finish.state, text=finish.text, posted=finish.posted)
        self._finishes[turn.id] = finish
        if finish.text and finish.posted:
            bot = Person("", bot=True)
            answer = Entry(finish.posted[0], bot, finish.text, ask.at, mine=True, anchor=ask.id)
            self._talk(ask.place).add(answer)

    async def last_spent(self, place: Place, model: str) -> Spent | None:
        self._work()
        for turn_id, finish in reversed(self._finishes.items()):
            ask, usage = self._turns[turn_id].ask, finish.usage
            if usage and finish.model == model and ask.place.key == place.key:
                return Spent(ask.id, usage.prompt_tokens, usage.completion_tokens, finish.estimate_tokens)
        return None

    async def tally(self, since: datetime, until: datetime, channel: Place | None = None) -> Tally:
        self._work()
        asked = [
            turn
            for turn in self._turns.values()
            if turn.ask.task is Task.ANSWER
            and since <= turn.ask.at < until
            and (channel is None or channel.channel_key == turn.ask.place.channel_key)
        ]
        usages = [
            finish.usage
            for turn in asked
            if (finish := self._finishes.get(turn.id)) is not None and finish.usage is not None
        ]
        return Tally(
            questions=len(asked),
            people=len({(t.ask.place.platform, t.ask.place.team, t.ask.author.id) for t in asked}),
            prompt_tokens=sum(usage.prompt_tokens for usage in usages),
            completion_tokens=sum(usage.completion_tokens for usage in usages),
            cost_micros=sum(usage.cost_micros for usage in usages),
            errors=sum(turn.state is TurnState.FAILED for turn in asked),
        )

    async def close(self) -> None: ...

    def _work(self) -> None:
        if self.failing:
            raise StoreError("the test switched the store off")

    def _talk(self, place: Place) -> _Talk:
        return self._talks.setdefault(place.key, _Talk(place))

    def _holding(self, place: Place, message_id: str) -> list[_Talk]:
        """The talks of a channel that know the message: an event does not always name its thread."""
        return [
            talk
            for talk in self._talks.values()
            if talk.place.channel_key == place.channel_key and message_id in talk.lines
        ]


def _line(ask: Ask) -> Entry:
    return Entry(ask.id, ask.author, ask.text, ask.at)
