"""/model, /prompt and /settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from core.access import is_admin, is_manager
from core.clock import Clock
from core.commands import ACCOUNT, HISTORY, reports, settings_changes, settings_view, spec_on
from core.commands.account_command import AccountCommand, Verify
from core.commands.context import CommandContext
from core.commands.parser import CommandError, echo, no_choice
from core.ports.model import FindModel
from core.ports.store import Store
from core.settings.channel import ChannelSettings, settings_on
from core.values.places import Person, Place
from core.values.tools import ToolSettings
from core.values.ui import ImmediateReply

_AUDIT_LINES = 100


class SettingsCommands:
    """Every method raises StoreError, and CommandError for a change that can't be made. `read` returns the
    values that apply. `absent_servers`: the tool servers that can't be reached now. `find_model` looks a name up
    where any may be chosen. `verify_account`: as in `AccountCommand`."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        read: Callable[[Place, Person], Awaitable[ChannelSettings]],
        absent_servers: Callable[[Place, ToolSettings], Sequence[str]],
        find_model: FindModel | None = None,
        verify_account: Verify | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._read = read
        self._absent_servers = absent_servers
        self._find_model = find_model
        self._accounts = AccountCommand(store, clock, verify_account)

    async def model(self, given: CommandContext) -> ImmediateReply:
        if name := given.option("name"):
            return await self.change(given, {"model": name})
        whose = settings_view.origin("model", given.settings, given.language)
        now = given.phrase("model_now", value=given.settings.model, origin=whose)
        if not given.models:
            return ImmediateReply(now)
        choices = given.phrase("model_choices", models=settings_view.listed(given.models))
        return ImmediateReply(f"{now}\n{choices}")

    async def prompt(self, given: CommandContext) -> ImmediateReply:
        if text := given.option("text"):
            return await self.change(given, {"prompt": text})
        whose = settings_view.origin("prompt", given.settings, given.language)
        quoted = "\n".join(f"> {line}" for line in given.settings.prompt.splitlines())
        return ImmediateReply(f"{given.phrase('prompt_now', origin=whose)}\n\n{quoted}")

    async def settings(self, given: CommandContext) -> ImmediateReply:
        name = given.option("name")
        if name == HISTORY:
            return await self._history(given)
        if name == ACCOUNT:
            return await self._accounts.account(given)
        if changes := settings_view.wanted(given.values):
            return await self.change(given, changes)
        if name:
            label = given.phrase(f"setting_{name}")
            raise CommandError("settings_value", label=label, about=settings_view.about(name, given))
        if "value" in given.values:  # The first word is no name of a setting.
            raise no_choice(spec_on("settings", given.traits).options[0])
        form = settings_view.form(given)
        absent = self._absent_servers(given.place, given.settings.tool_settings)
        words = settings_view.overview(given, may=form is not None, absent=absent)
        hint = self._accounts.hint(given)
        return ImmediateReply(f"{words}\n{hint}" if hint else words, form=form)

    async def schedule(self, given: CommandContext) -> ImmediateReply:
        """Change the report that the channel gets: its period, its time, and whether it is about the workspace. Without
        a value, show it."""
        if "report" not in settings_on(given.traits):
            raise CommandError("schedule_absent", channel=f"{given.place.platform}:{given.place.channel}")
        if not (given.option("schedule") or given.option("at")):
            return ImmediateReply(settings_changes.schedule_to_text(given.settings, given))
        wanted = {"report": given.option("schedule"), "report_at": given.option("at")}
        of = given.option("of", given.settings.report_scope)
        if of != given.settings.report_scope:
            wanted["report_scope"] = of
        return await self.change(given, {name: value for name, value in wanted.items() if value})

    async def _history(self, given: CommandContext) -> ImmediateReply:
        """The history of changes: of the channel for those who may change it, of the workspace for its admins."""
        author, place = given.author, given.place
        admin = is_admin(author, place, given.core)
        if not admin and not (place.channel and is_manager(author, place, given.core)):
            raise CommandError("settings_by_manager" if place.channel else "settings_by_admin")
        changes = await self._store.audit(place, _AUDIT_LINES)
        readable = [one for one in changes if admin or one.place.channel]
        return ImmediateReply(reports.history(readable, given.language, given.core.parley_currency))

    async def change(self, given: CommandContext, changes: dict[str, str]) -> ImmediateReply:
        """Change settings of the context's scope."""
        checked = settings_view.checked(given, changes)
        note = await self._unchecked(given, checked.get("model"))
        channel = given.place.channel if given.scope == "channel" else ""
        there = Place(given.place.platform, given.place.team, channel)
        changed = await self._store.change(there, checked, given.author, self._clock.now())
        if not changed:
            return ImmediateReply(given.phrase("settings_same"))
        settings = await self._read(given.place, given.author)
        words = settings_changes.changed_to_text(changed, settings, given)
        return ImmediateReply(f"{words}\n{note}" if note else words)

    async def _unchecked(self, given: CommandContext, model: str | None) -> str:
        """A note where it can't be known that there is a model of this name. Raises CommandError where there is none.

        A list of the operator's is all that may be chosen, so that a name of it is not looked up.
        """
        if self._find_model is None or given.models or model in (None, given.core.openai_model):
            return ""
        found = await self._find_model(str(model))
        if found.known is None:
            return given.phrase("model_unchecked")
        if not found.known:
            key = "model_not_served" if found.near else "model_none_like"
            values = {"near": settings_view.listed(found.near)} if found.near else {}
            raise CommandError(key, settings_view.FIELD_OF_MODEL, model=echo(str(model)), **values)
        return ""
