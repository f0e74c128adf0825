"""Performs commands: each becomes an ask for the ledger, or what the person is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from cachetools import TTLCache

from core.access import is_admin, is_manager, refusal
from core.clock import Clock
from core.commands import (
    COMMANDS,
    FORGET_ME,
    HISTORY,
    SCOPES,
    Spec,
    choice_label,
    command_name,
    example,
    reports,
    settings_view,
    spec_on,
)
from core.commands.parser import CommandError, Values, line_of, named, no_choice, options_of, values_of
from core.i18n import phrase, variant
from core.ports.store import Store, StoredSettings
from core.settings.channel import SETTINGS, ChannelSettings, bounded, language_for, merge
from core.settings.environment import CoreSettings
from core.values.conversation import Ask, Task, Turn
from core.values.events import Command
from core.values.places import Person, Place
from core.values.platform import UNKNOWN_PLATFORM, PlatformTraits
from core.values.ui import Button, Choice, ImmediateReply

CONFIRM_S = 600.0
"""How long the button that confirms `/forget me` works, in seconds."""

_ASKED_KEPT = 1_000
_SUGGESTIONS = 25
_EXPORT_LINES = 10_000
_AUDIT_LINES = 100
FREE = ("help", "settings", "forget", "export")
"""Open to those, too, who may not ask: to see why, to mend it, and to have what is theirs."""


@dataclass(frozen=True, slots=True)
class CommandContext:
    """A command with all that its doing needs."""

    command: Command
    values: Values
    kept: StoredSettings
    settings: ChannelSettings
    traits: PlatformTraits
    language: str

    @property
    def place(self) -> Place:
        return self.command.place

    def phrase(self, key: str, **values: str | int | float) -> str:
        return phrase(key, self.language, **values)


class CommandHandlers:
    """`core.openai_model` is the model where nobody chose another. `models`: what may be chosen, or nothing where
    any may. `traits`: by the name of the platform. `priced`: whether costs are known. `interrupt` ends the running
    answers to the turns that match a predicate, after these were forgotten."""

    def __init__(
        self,
        store: Store,
        core: CoreSettings,
        clock: Clock,
        models: Sequence[str] = (),
        *,
        traits: Mapping[str, PlatformTraits] | None = None,
        priced: bool = False,
        interrupt: Callable[[Callable[[Turn], bool]], object] = lambda which: None,
    ) -> None:
        self._store = store
        self._core = core
        self.clock = clock
        self._models = tuple(models)
        self._traits = traits or {}
        self._priced = priced
        self._interrupt = interrupt
        self._asked_to_forget: TTLCache[str, bool] = TTLCache(_ASKED_KEPT, CONFIRM_S, clock.monotonic)
        self._jobs: dict[str, Callable[[CommandContext], Awaitable[Ask | ImmediateReply]]] = {
            "ask": self._ask,
            "summarize": self._summarize,
            "model": self._model,
            "prompt": self._prompt,
            "settings": self._settings,
            "usage": self._usage,
            "budget": self._budget,
            "reset": self._reset,
            "forget": self._forget,
            "export": self._export,
            "help": self._help,
        }

    async def settings(self, place: Place, person: Person) -> ChannelSettings:
        """What counts in `place` for `person`, read anew: a change counts from the next question on.
        Raises StoreError."""
        return await self._bounded(await self._store.stored_settings(place), place, person)

    async def _bounded(self, kept: StoredSettings, place: Place, person: Person) -> ChannelSettings:
        settings = merge(self._core, kept, place.platform)
        if not place.direct:
            return settings
        elsewhere = dict(await self._store.workspaces(place.platform))
        elsewhere.pop(place.team, None)  # merged above
        return bounded(settings, elsewhere, person)

    def traits(self, place: Place) -> PlatformTraits:
        return self._traits.get(place.platform, UNKNOWN_PLATFORM)

    def language(self, person: Person, settings: ChannelSettings) -> str:
        return language_for(person, settings, self._core)

    async def do(self, command: Command) -> Ask | ImmediateReply:
        """Do what was asked for. Raises StoreError."""
        kept = await self._store.stored_settings(command.place)
        settings = await self._bounded(kept, command.place, command.author)
        language = variant(self.language(command.author, settings), command.place.platform)
        name = named(command.name)
        traits = self.traits(command.place)
        given = CommandContext(command, {}, kept, settings, traits, language)
        if name is None:
            unknown = given.phrase("help_unknown") + "\n\n" if command.name else ""
            return ImmediateReply(unknown + (await self._help(given)).text)
        refused = refusal(command.author, command.place, settings)
        if refused and name not in FREE:
            return ImmediateReply(given.phrase(refused), refused=True)
        spec = spec_on(name, traits)
        try:
            options = options_of(spec, command.argument) | dict(command.options)
            return await self._jobs[name](
                replace(given, values=values_of(spec, options) | _emptied(spec, options))
            )
        except CommandError as misread:
            known = {
                "prefix": command.prefix,
                "command": command_name(spec, language),
                "example": example(spec, language),
            }
            words = given.phrase(misread.key, **known | misread.values)
            return ImmediateReply(words, refused=True, about=misread.about)

    async def suggest(self, command: Command, option: str) -> list[Choice]:
        """What `option` may become, given its beginning and the other options. Raises StoreError."""
        begun = str(command.options.get(option, "")).strip().lower()
        setting = "model" if command.name == "model" else str(command.options.get("name", ""))
        settings = await self.settings(command.place, command.author)
        language = variant(self.language(command.author, settings), command.place.platform)
        values: list[str] = []
        if setting == "model":
            values = list(dict.fromkeys([settings.model, self._core.openai_model, *self._models]))
        elif setting in SETTINGS:
            values = list(SETTINGS[setting].choices)
        else:
            return []
        offered = [Choice(value, choice_label(value, language)) for value in [*values, "default"]]
        found = [one for one in offered if begun in one.value.lower() or begun in one.label.lower()]
        return found[:_SUGGESTIONS]

    async def _ask(self, given: CommandContext) -> Ask:
        question = str(given.values.get("question", ""))
        if about := str(given.values.get("about", "")):
            quoted = "\n".join(f"> {line}" for line in about.splitlines())
            question = f"{quoted}\n\n{question or given.phrase('about_default')}"
        return _question(given, question, Task.ANSWER)

    async def _summarize(self, given: CommandContext) -> Ask:
        """The ask's text is the command with nothing left open, as `core.conversation.summary` reads it."""
        _may_read(given)
        of = given.values.get("of", "thread" if given.place.thread or not given.command.opens else "channel")
        text = line_of(COMMANDS["summarize"], {**given.values, "of": of})
        return _question(given, text, Task.SUMMARY)

    async def _model(self, given: CommandContext) -> ImmediateReply:
        if name := given.values.get("name"):
            return await self._change(given, {"model": str(name)})
        settings = given.settings
        now = given.phrase(
            "model_now", value=settings.model, origin=settings_view.origin("model", settings, given.language)
        )
        if not self._models:
            return ImmediateReply(now)
        return ImmediateReply(
            f"{now}\n{given.phrase('model_choices', models=settings_view.listed(self._models))}"
        )

    async def _prompt(self, given: CommandContext) -> ImmediateReply:
        if text := given.values.get("text"):
            return await self._change(given, {"prompt": str(text)})
        settings = given.settings
        now = given.phrase("prompt_now", origin=settings_view.origin("prompt", settings, given.language))
        return ImmediateReply(f"{now}\n\n" + "\n".join(f"> {line}" for line in settings.prompt.splitlines()))

    async def _settings(self, given: CommandContext) -> ImmediateReply:
        if given.values.get("name") == HISTORY:
            return await self._history(given)
        changes = settings_view.wanted(given.values)
        if changes:
            return await self._change(given, changes)
        if name := given.values.get("name"):
            raise CommandError(
                "settings_value",
                label=given.phrase(f"setting_{name}"),
                about=given.phrase(f"setting_{name}_about"),
            )
        if "value" in given.values:  # what should be the name of a setting is none
            raise no_choice(spec_on("settings", given.traits).options[0])
        scope, by = self._scope(given), given.command.author
        form = settings_view.form(
            by, given.place, given.traits, given.kept, scope, self._core, given.language, self._models
        )
        own = scope == "channel"
        kept = given.kept if own else StoredSettings(given.kept.workspace, {})
        shown = merge(self._core, kept, given.place.platform)
        prefix, may = given.command.prefix, form is not None
        return ImmediateReply(
            settings_view.overview(shown, given.traits, given.language, prefix, own=own, may=may), form=form
        )

    async def _history(self, given: CommandContext) -> ImmediateReply:
        """Who changed what: of the channel for those who may change it, of the workspace for its admins."""
        author, place = given.command.author, given.place
        admin = is_admin(author, place, self._core)
        if not admin and not (place.channel and is_manager(author, place, self._core)):
            raise CommandError("settings_by_manager" if place.channel else "settings_by_admin")
        changes = await self._store.audit(place, _AUDIT_LINES)
        return ImmediateReply(
            reports.history([one for one in changes if admin or one.place.channel], given.language)
        )

    async def _change(self, given: CommandContext, changes: dict[str, str]) -> ImmediateReply:
        scope = self._scope(given)
        by = given.command.author
        wanted = settings_view.checked(
            changes, by, given.place, scope, self._core, self._models, given.language
        )
        there = Place(given.place.platform, given.place.team, given.place.channel if scope == "channel" else "")
        changed = await self._store.change(there, wanted, by, self.clock.now())
        if not changed:
            return ImmediateReply(given.phrase("settings_same"))
        settings = await self.settings(given.place, by)
        now = [f"- {settings_view.changed_line(one, settings, given.language)}" for one in changed]
        return ImmediateReply("\n".join([given.phrase("settings_changed"), *now]))

    def _scope(self, given: CommandContext) -> str:
        """The channel, unless said otherwise, or where there is none."""
        return str(given.values.get("scope") or SCOPES[0 if given.place.channel else 1])

    async def _usage(self, given: CommandContext) -> ImmediateReply:
        of, period = str(given.values.get("of", "me")), str(given.values.get("period", "month"))
        author, place = given.command.author, given.place
        if of == "workspace" and not is_admin(author, place, self._core):
            return ImmediateReply(given.phrase("usage_by_admin", prefix=given.command.prefix))
        now = self.clock.now()
        there = Place(place.platform, place.team, place.channel if of == "channel" else "")
        tally = await self._store.usage_totals(
            now - reports.PERIODS[period], now, there, author.id if of == "me" else ""
        )
        currency = self._core.parley_currency
        return ImmediateReply(reports.usage(tally, of, period, given.language, currency, priced=self._priced))

    async def _budget(self, given: CommandContext) -> ImmediateReply:
        now = self.clock.now()
        tally = await self._store.usage_totals(reports.month_start(now), now, given.place)
        return ImmediateReply(
            reports.budget(
                tally, now, given.settings, given.language, self._core.parley_currency, priced=self._priced
            )
        )

    async def _reset(self, given: CommandContext) -> ImmediateReply:
        await self._in_thread(given)
        await self._store.reset(given.place, given.command.at)
        return ImmediateReply(given.phrase("reset_done"), whisper=False)

    async def _forget(self, given: CommandContext) -> ImmediateReply:
        author = given.command.author
        kept = given.phrase("forget_kept")
        if given.values["what"] == "me":
            if not given.values.get("confirm"):
                return await self._ask_to_forget(given)
            lines = await self._store.forget_person(given.place.platform, author.id)
            whose = (given.place.platform, author.id)
            self._interrupt(lambda turn: (turn.ask.place.platform, turn.ask.author.id) == whose)
            return ImmediateReply(given.phrase("joined", one=given.phrase("forget_me_done", n=lines), two=kept))
        await self._in_thread(given)
        said = await self._store.lines(given.place, limit=_EXPORT_LINES)
        alone = {line.author.id for line in said if not line.mine} <= {author.id}
        if not alone and not is_manager(author, given.place, self._core):
            raise CommandError("forget_by_manager")
        lines = await self._store.forget_thread(given.place, given.command.at)
        self._interrupt(lambda turn: turn.ask.place.key == given.place.key)
        return ImmediateReply(given.phrase("joined", one=given.phrase("forget_thread_done", n=lines), two=kept))

    async def _ask_to_forget(self, given: CommandContext) -> ImmediateReply:
        """What would go, and a button that has it done."""
        author, place = given.command.author, given.place
        found = await self._store.messages_by_person(place.platform, author.id, _EXPORT_LINES)
        lines = sum(not line.mine for _, line in found)
        self._asked_to_forget[_who(author, place)] = True
        words = given.phrase("forget_me_asks", n=lines, prefix=given.command.prefix)
        sure = Button(FORGET_ME, given.phrase("forget_me_sure"), 0)
        return ImmediateReply(
            given.phrase("joined", one=words, two=given.phrase("forget_kept")), buttons=(sure,)
        )

    def confirms_forgetting(self, person: Person, place: Place) -> bool:
        """Whether `person` was asked a while ago whether all of theirs is to be forgotten, and has not answered yet:
        others may see the button, too."""
        return self._asked_to_forget.pop(_who(person, place), False)

    async def _export(self, given: CommandContext) -> ImmediateReply:
        author, now = given.command.author, self.clock.now()
        if given.values.get("what", "thread") == "me":
            found = await self._store.messages_by_person(given.place.platform, author.id, _EXPORT_LINES)
            tally = await self._store.usage_totals(
                reports.EVER, now, Place(given.place.platform, given.place.team, ""), author.id
            )
            if not found and not tally.questions:
                return ImmediateReply(given.phrase("export_nothing"))
            return ImmediateReply(
                given.phrase("export_me", n=len(found)), file=reports.person_file(found, tally)
            )
        await self._in_thread(given)
        _may_read(given)
        lines = await self._store.lines(given.place, limit=_EXPORT_LINES)
        if not lines:
            return ImmediateReply(given.phrase("export_nothing"))
        return ImmediateReply(
            given.phrase("export_thread", n=len(lines)), file=reports.thread_file(lines, given.language)
        )

    async def _help(self, given: CommandContext) -> ImmediateReply:
        prefix = given.command.prefix
        lines = [
            given.phrase(
                "help_line",
                command=f"{prefix}{command_name(spec, given.language)} {example(spec, given.language)}".rstrip(),
                about=given.phrase(f"{spec.key}_about"),
            )
            for spec in COMMANDS.values()
        ]
        title, ask = (
            given.phrase("help_title"),
            given.phrase("help_ask", prefix=prefix, typed=given.traits.typed_prefix),
        )
        return ImmediateReply("\n".join([title, ask, "", *(f"- {line}" for line in lines)]))

    async def _in_thread(self, given: CommandContext) -> None:
        """A direct conversation is a thread of its own only where it has been used as one."""
        place = given.place
        if not place.thread and not (place.direct and await self._store.joined(place)):
            words = (named(given.command.name), given.values.get("what"))
            typed = given.traits.typed_prefix + " ".join(str(word) for word in words if word)
            raise CommandError("thread_only", typed=typed)


def _who(person: Person, place: Place) -> str:
    return f"{place.platform}/{person.id}"


def _may_read(given: CommandContext) -> None:
    """Raises CommandError where the person may not read what was said there before."""
    if not given.command.author.may_read:
        raise CommandError("refused_history")


def _question(given: CommandContext, text: str, task: Task) -> Ask:
    command = given.command
    place = command.place if command.place.thread else replace(command.place, thread=command.opens)
    return Ask(
        command.id,
        place,
        command.author,
        text,
        command.at,
        addressed=True,
        interaction_token=command.interaction_token,
        task=task,
    )


def _emptied(spec: Spec, options: dict[str, str]) -> Values:
    """The fields of a form that were left or made empty: there, an empty value says something."""
    names = {option.name for option in spec.options if option.name.startswith("set_")}
    return {name: "" for name, text in options.items() if name in names and not str(text).strip()}
