"""Every setting with its default, as text, for `.env.example`, `parley settings` and the guides."""

from __future__ import annotations

import textwrap

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from core.settings.environment import Settings
from core.settings.forms import form_of
from core.settings.variables import FROM_FILE

HEAD = """\
# Parley's settings. Copy this file to .env, take the # off the lines you need, and start again.
# The environment wins over .env. `parley settings` prints this file.
# A secret may be in a file instead: NAME_FILE=/run/secrets/name, for each NAME below that names NAME_FILE.
# Where a value is platform:id, the platform is slack, discord or web: slack:U1,discord:2.
"""


def settings_to_text(classes: tuple[type[Settings], ...]) -> str:
    """The settings as text: one section a class, one commented line a setting, each with its description."""
    return "\n".join([HEAD, *(_section(settings) for settings in classes)])


def _section(settings: type[Settings]) -> str:
    lines = [f"# --- {(settings.__doc__ or '').strip().splitlines()[0]}", ""]
    for name, field in settings.model_fields.items():
        lines += textwrap.wrap(_description(name, field), 110, initial_indent="# ", subsequent_indent="# ")
        lines += [f"# {name.upper()}={_default(field)}", ""]
    return "\n".join(lines)


def settings_to_table(classes: tuple[type[Settings], ...]) -> str:
    """The same as a Markdown table, for the guides."""
    rows = ["| setting | default | what it means |", "|---|---|---|"]
    for settings in classes:
        for name, field in settings.model_fields.items():
            default = _default(field).strip('"')
            shown = "(in .env.example)" if len(default) > 60 else f"`{default}`" if default else ""
            rows.append(f"| `{name.upper()}` | {shown} | {_description(name, field)} |")
    return "\n".join(rows) + "\n"


def _description(name: str, field: FieldInfo) -> str:
    secret = form_of(field).is_secret
    return f"{field.description}" + (f" Or {name.upper()}{FROM_FILE}, a file that holds it." if secret else "")


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return f'"{value}"' if isinstance(value, str) and " " in value else str(value)
