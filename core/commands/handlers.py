"""Performs commands: each becomes an ask for the ledger, or an immediate reply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from core.access import is_admin, refusal
from core.clock import Clock
from core.commands import COMMANDS, Spec, choice_label, choices, command_name, example, spec_on
from core.commands.account_command import Verify
from core.commands.budget_command import BudgetCommand
from core.commands.context import CommandContext
from core.commands.data_commands import DataCommands, require_readable
from core.commands.parser import CommandError, Values, line_of, named, options_of, values_of
from core.commands.search_command import SearchCommand
from core.commands.settings_commands import SettingsCommands
from core.commands.summaries import values_to_task
from core.commands.usage_commands import UsageCommands
from core.memory.recall import Recall
from core.ports.model import FindModel
from core.ports.store import Store
from core.ports.store.settings import StoredSettings
from core.settings.channel import ChannelSettings, settings_on
from core.settings.environment import CoreSettings
from core.settings.layers import bounded, language_for, merge
from core.spend.budget_checks import BudgetChecks
from core.spend.chart_renderer import Charts
from core.values.conversation import Ask, Turn
from core.values.events import Command
from core.values.places import Person, Place
from core.values.platform import UNKNOWN_PLATFORM, PlatformTraits
from core.values.tasks import ANSWER, Task
from core.values.tools import ToolSettings
from core.values.ui import Choice, ImmediateReply

_SUGGESTIONS = 25

FREE = ("help", "settings", "forget", "export")
"""Open also to people who may not ask: to see why, to change it, and to have their data."""


class CommandHandlers:
    """Performs each command by the handler of its name.

    `core.openai_model` is the model where none is set. `models`: those that may be chosen now, or empty where any may.
    `traits`: by the name of the platform; `traits_at`: those of the installation that serves a place, if one does.
    `interrupt`, `submit`: as in `DataCommands`. `absent_servers`, `find_model` and `verify_account`: as in
    `SettingsCommands`. `is_teamless`: True of a place in which the rules of each of a person's teams apply.
    """

    def __init__(
        self,
        store: Store,
        core: CoreSettings,
        clock: Clock,
        models: Sequence[str] = (),
        *,
        traits: Mapping[str, PlatformTraits] | None = None,
        traits_at: Callable[[Place], PlatformTraits | None] = lambda _place: None,
        interrupt: Callable[[Callable[[Turn], bool]], object] = lambda which: None,
        absent_servers: Callable[[Place, ToolSettings], Sequence[str]] = lambda place, settings: (),
        submit: Callable[[Turn], object] = lambda turn: None,
        budgets: BudgetChecks | None = None,
        charts: Charts | None = None,
        is_teamless: Callable[[Place], bool] = lambda place: place.direct,
        recall: Recall | None = None,
        find_model: FindModel | None = None,
        verify_account: Verify | None = None,
    ) -> None:
        self._store = store
        self.core = core
        self.clock = clock
        self._models = models
        self._traits = traits or {}
        self._traits_at = traits_at
        self.is_teamless = is_teamless
        self.recall = recall
        self.budgets = budgets or BudgetChecks(store, core, clock)
        settings = self._changes = SettingsCommands(
            store, clock, self.settings, absent_servers, find_model, verify_account
        )
        data = self._data = DataCommands(store, clock, interrupt, submit)
        self._usage = UsageCommands(store, clock, self.budgets, charts)
        self.confirms_forgetting = data.confirms_forgetting
        self._handlers: dict[str, Callable[[CommandContext], Awaitable[Ask | ImmediateReply]]] = {
            "ask": self._ask,
            "summarize": self._summarize,
            "model": settings.model,
            "prompt": settings.prompt,
            "settings": settings.settings,
            "usage": self._usage_or_schedule,
            "budget": BudgetCommand(store, clock, self.budgets, settings.change).budget,
            "reset": data.reset,
            "forget": data.forget,
            "export": self._export,
            "search": SearchCommand(recall).search,
            "help": self._help,
        }

    async def settings(self, place: Place, person: Person) -> ChannelSettings:
        """The effective settings in `place`, read anew: a change applies from the next question on.

        Raises StoreError.
        """
        return await self._bounded(await self._store.stored_settings(place), place, person)

    async def _bounded(self, stored: StoredSettings, place: Place, person: Person) -> ChannelSettings:
        settings = merge(self.core, stored, place.platform)
        if not self.is_teamless(place):
            return settings
        elsewhere = dict(await self._store.workspaces(place.platform))
        elsewhere.pop(place.team, None)  # Merged above.
        return bounded(settings, elsewhere, person)

    def traits(self, place: Place) -> PlatformTraits:
        return self._traits_at(place) or self._traits.get(place.platform, UNKNOWN_PLATFORM)

    def language(self, person: Person, settings: ChannelSettings) -> str:
        return language_for(person, settings, self.core)

    def is_admin(self, person: Person, place: Place) -> bool:
        return is_admin(person, place, self.core)

    async def _context(self, command: Command) -> CommandContext:
        stored = await self._store.stored_settings(command.place)
        settings = await self._bounded(stored, command.place, command.author)
        language = self.language(command.author, settings)
        traits = self.traits(command.place)
        models = tuple(self._models) if stored.account is None else stored.account.models
        return CommandContext(command, self.core, models, traits, stored, settings, language)

    async def do(self, command: Command) -> Ask | ImmediateReply:
        """The reply to a command, or the question that it asks. Raises StoreError."""
        given, name = await self._context(command), named(command.name)
        if name is None:
            unknown = given.phrase("help_unknown") + "\n\n" if command.name else ""
            return ImmediateReply(unknown + (await self._help(given)).text)
        refused = refusal(command.author, command.place, given.settings)
        if refused and name not in FREE:
            return ImmediateReply(given.phrase(refused), refused=True)
        spec = spec_on(name, given.traits)
        try:
            options = options_of(spec, command.argument) | dict(command.options)
            if command.attached and not (options.get("question") or options.get("about")):
                options["question"] = given.phrase("about_default")
            values = values_of(spec, options) | _emptied(spec, options)
            return await self._handlers[name](replace(given, values=values))
        except CommandError as misread:
            words = given.phrase(misread.key, **_named(misread, spec, given) | misread.values)
            return ImmediateReply(words, refused=True, about=misread.about)

    async def suggest(self, command: Command, option: str) -> list[Choice]:
        """Completions of `option`, by its beginning and the other options. Raises StoreError."""
        given, begun = await self._context(command), str(command.options.get(option, "")).strip().lower()
        spec = spec_on(command.name, given.traits) if command.name in COMMANDS else None
        of_choices = [one for one in spec.options if one.name == option and one.choices] if spec else []
        if of_choices:
            return _fitting(choices(of_choices[0], given.language), begun)
        name = "model" if command.name == "model" else str(command.options.get("name", ""))
        if name not in (there := settings_on(given.traits)):
            return []
        values = there[name].choices
        if name == "model":
            default = [self.core.openai_model] if given.stored.account is None else []
            values = tuple(dict.fromkeys([given.settings.model, *default, *given.models]))
        offered = [Choice(value, choice_label(value, given.language)) for value in [*values, "default"]]
        return _fitting(offered, begun)

    async def _ask(self, given: CommandContext) -> Ask:
        question = str(given.values.get("question", ""))
        attached = given.command.attached
        if about := str(given.values.get("about", "")):
            quoted = "\n".join(f"> {line}" for line in about.splitlines())
            question = f"{quoted}\n\n{question or given.phrase('about_default')}"
        return replace(_question(given, question, ANSWER), attached=attached, charges=given.command.charges)

    async def _summarize(self, given: CommandContext) -> Ask:
        """The ask's text is the command with nothing left open."""
        require_readable(given)
        of = given.values.get("of", "thread" if given.place.thread or not given.command.opens else "channel")
        values = {**given.values, "of": of}
        text = line_of(COMMANDS["summarize"], values)
        return _question(given, text, values_to_task(values, given.command.at))

    async def _export(self, given: CommandContext) -> ImmediateReply:
        of_usage = given.option("what") == "usage"
        return await (self._usage.export if of_usage else self._data.export)(given)

    async def _usage_or_schedule(self, given: CommandContext) -> ImmediateReply:
        schedules = "schedule" in given.values or "at" in given.values
        return await (self._changes.schedule if schedules else self._usage.usage)(given)

    async def _help(self, given: CommandContext) -> ImmediateReply:
        prefix, typed = given.command.prefix, given.traits.typed_prefix
        lines = []
        for spec in (spec_on(name, given.traits) for name in COMMANDS):
            called = f"{typed if spec.thread else prefix}{command_name(spec, given.language)}"
            written = f"{called} {example(spec, given.language)}".rstrip()
            lines.append(
                "- " + given.phrase("help_line", command=written, about=given.phrase(f"{spec.key}_about"))
            )
        ask = given.phrase("help_ask", prefix=prefix, typed=typed)
        return ImmediateReply(
            "\n".join([given.phrase("help_title"), ask, given.phrase("help_files"), "", *lines])
        )


def _fitting(offered: Iterable[Choice], begun: str) -> list[Choice]:
    """The choices with these letters in them."""
    found = (one for one in offered if begun in one.value.lower() or begun in one.label.lower())
    return list(islice(found, _SUGGESTIONS))


def _named(misread: CommandError, spec: Spec, given: CommandContext) -> Values:
    """The names that the phrase of an error may contain."""
    names: Values = {
        "prefix": given.command.prefix,
        "command": command_name(spec, given.language),
        "example": example(spec, given.language),
    }
    if misread.option is None:
        return names
    labels = " | ".join(choice.label for choice in choices(misread.option, given.language))
    return names | {"option": given.phrase(spec.option_key(misread.option)), "options": labels}


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
    """The fields of a form that were left or made empty, and lone names: there, an empty value says something."""
    names = {option.name for option in spec.options if option.spaced or option.name.startswith("set_")}
    return {name: "" for name, text in options.items() if name in names and not str(text).strip()}
