"""The form of a setting's values in plain words, from its type and bounds. Pure."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

_NUMBERS: dict[Any, str] = {int: "whole number", float: "number", Decimal: "number"}
_EXAMPLES: dict[Any, str] = {int: "20", float: "2.5", Decimal: "1.25", date: "2027-01-01"}


@dataclass(frozen=True, slots=True)
class ValueForm:
    """A type with its bounds, and an example where the field has one."""

    annotation: Any
    metadata: tuple[Any, ...] = ()
    example: str = ""

    @property
    def words(self) -> str:
        """The form, such as `a whole number from 1, such as 20`."""
        choices = [choice for one, _ in self.options for choice in _choices(one)]
        kinds = [_words(one, limits) for one, limits in self.options if not _choices(one)]
        if choices:
            kinds.append(" or ".join(filter(None, [", ".join(choices[:-1]), choices[-1]])))
        example = self.example or next((_example(*option) for option in self.options if _example(*option)), "")
        return " or ".join(dict.fromkeys(kinds)) + (f", such as {example}" if example and not choices else "")

    @property
    def options(self) -> list[tuple[Any, tuple[Any, ...]]]:
        """Each type that a value may have, with its bounds; None is not one of them."""
        return list(_options(self.annotation, self.metadata))

    @property
    def is_secret(self) -> bool:
        return any(one is SecretStr for one, _ in self.options)

    @property
    def is_table(self) -> bool:
        return any(is_model(one) or is_kind(one, Mapping) for one, _ in self.options)

    @property
    def is_list(self) -> bool:
        return any(is_kind(one, Sequence) for one, _ in self.options)

    def below(self, key: str | int) -> ValueForm | None:
        """The form of the value at `key` of this one's, or None where it has no such key."""
        for one, _ in self.options:
            if is_model(one):
                if key in one.model_fields:
                    return form_of(one.model_fields[str(key)])
            elif isinstance(key, str) and is_kind(one, Mapping):
                return ValueForm(get_args(one)[1])
            elif isinstance(key, int) and is_kind(one, Sequence):
                return ValueForm(get_args(one)[0])
        return None

    def keys_below(self, at: str = "") -> Iterator[tuple[str, str]]:
        """Each key of the tables in it with its place, in which NAME stands for any name."""
        for one, _ in self.options:
            if is_model(one):
                for name, field in one.model_fields.items():
                    yield name, f"{at}{name}"
                    yield from form_of(field).keys_below(f"{at}{name}.")
            elif is_kind(one, Mapping):
                yield from ValueForm(get_args(one)[1]).keys_below(f"{at}NAME.")
            elif is_kind(one, Sequence):
                yield from ValueForm(get_args(one)[0]).keys_below(at)


def form_of(field: FieldInfo) -> ValueForm:
    """The form of a field of a settings class or of a part of a file."""
    default = field.get_default()
    plain = isinstance(default, str | int | float) and not isinstance(default, bool)
    example = field.examples[0] if field.examples else default if plain else ""
    return ValueForm(
        field.annotation, tuple(field.metadata), f"{example:g}" if isinstance(example, float) else f"{example}"
    )


def is_model(annotation: Any) -> bool:
    """True for a pydantic model."""
    return inspect.isclass(annotation) and issubclass(annotation, BaseModel)


def _options(annotation: Any, metadata: tuple[Any, ...]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        for one in more:
            metadata += tuple(one.metadata) if isinstance(one, FieldInfo) else (one,)
        yield from _options(inner, metadata)
    elif get_origin(annotation) in (Union, types.UnionType):
        for one in get_args(annotation):
            yield from _options(one, metadata)
    elif annotation is not type(None):
        yield annotation, metadata


def _choices(annotation: Any) -> list[str]:
    """The values, where they can be counted."""
    if annotation is bool:
        return ["true", "false"]
    return [f"{one}" for one in get_args(annotation)] if get_origin(annotation) is Literal else []


def _words(annotation: Any, metadata: tuple[Any, ...]) -> str:
    if annotation in _NUMBERS:
        return f"a {_NUMBERS[annotation]}{_bounds(metadata)}"
    if annotation is date:
        return "a day"
    if is_model(annotation) or is_kind(annotation, Mapping):
        return "a table"
    if is_kind(annotation, Sequence):
        inner = get_args(annotation)[0]
        return "a list of tables" if is_model(inner) else "a list of texts" if inner is str else "a list"
    return "a text that is not empty" if _least(metadata) else "a text"


def _number(value: object) -> str:
    """A number without the `.0` of one that is whole."""
    return f"{value}".removesuffix(".0")


def _bounds(metadata: Iterable[Any]) -> str:
    words = []
    for one in metadata:
        match one:
            case annotated_types.Ge(ge):
                words.append(f"from {_number(ge)}")
            case annotated_types.Gt(gt):
                words.append(f"above {_number(gt)}")
            case annotated_types.Le(le):
                words.append(
                    f"{'to' if words and words[-1].startswith('from') else 'and at most'} {_number(le)}"
                )
            case annotated_types.Lt(lt):
                words.append(f"below {_number(lt)}")
            case _:
                pass
    return "".join(f" {one}" for one in words)


def _example(annotation: Any, metadata: tuple[Any, ...]) -> str:
    if is_model(annotation) or annotation not in _EXAMPLES:
        return ""
    bounds = [one for one in metadata if isinstance(one, annotated_types.Ge | annotated_types.Le)]
    return _EXAMPLES[annotation] if not bounds or annotation is not int else _within(bounds)


def _within(bounds: Sequence[annotated_types.Ge | annotated_types.Le]) -> str:
    """A whole number that the bounds allow."""
    least = max((int(str(one.ge)) for one in bounds if isinstance(one, annotated_types.Ge)), default=0)
    most = min((int(str(one.le)) for one in bounds if isinstance(one, annotated_types.Le)), default=20)
    return f"{max(least, min(most, int(_EXAMPLES[int])))}"


def _least(metadata: Iterable[Any]) -> int:
    """The least number of characters or items."""
    return max((one.min_length for one in metadata if isinstance(one, annotated_types.MinLen)), default=0)


def is_kind(annotation: Any, kind: type) -> bool:
    """True for a generic type such as `dict[str, int]` of that kind."""
    origin = get_origin(annotation)
    return inspect.isclass(origin) and issubclass(origin, kind)
