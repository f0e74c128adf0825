"""Keys of a file that no part of it has: each is a line with the nearest right one, in whose place its value is read,
so that what is wrong below it shows at once too. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from core.settings.forms import ValueForm, is_kind, is_model
from core.settings.nearest import is_near_miss, nearest
from core.settings.problems import place_in_file

Keys = tuple[str | int, ...]


class FilePart(BaseModel):
    """A table of the file. Other keys than its own are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def conflicts(cls, table: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
        """The faults of values beside each other, with the keys of each. The form of a value in `table` may be wrong:
        that is another fault."""
        return iter(())


class KeyReader:
    """Reads `values` as `form`, one or more parts of a file. `known` has the keys of the form alone. `lines` begin with
    `at` and the place. `misplaced`: keys that another table of the file should have."""

    def __init__(self, values: Any, form: ValueForm, at: str) -> None:
        self.lines: list[str] = []
        self.misplaced: set[str] = set()
        self._at = at
        self._places: dict[str, str] = {}
        for key, place in sorted(form.keys_below(), key=lambda one: one[1].count(".")):
            self._places.setdefault(key, place)
        self.known = self._read(values, form, ())

    def _read(self, value: Any, form: ValueForm | None, keys: Keys) -> Any:
        if form is None:
            return value
        for one, _ in form.options:
            if isinstance(value, Mapping) and is_model(one):
                return self._table(value, one, keys)
            if isinstance(value, Mapping) and is_kind(one, Mapping):
                return {key: self._read(inner, form.below(key), (*keys, key)) for key, inner in value.items()}
            if isinstance(value, list) and is_kind(one, Sequence):
                return [self._read(inner, form.below(at), (*keys, at)) for at, inner in enumerate(value)]
        return value

    def _table(self, value: Mapping[str, Any], part: type[BaseModel], keys: Keys) -> dict[str, Any]:
        table = self._renamed(value, part, keys)
        form = ValueForm(part)
        read = {key: self._read(inner, form.below(key), (*keys, key)) for key, inner in table.items()}
        if issubclass(part, FilePart):
            self.lines += [
                f"{place_in_file(self._at, (*keys, *below))}: {why}" for below, why in part.conflicts(read)
            ]
        return read

    def _renamed(self, value: Mapping[str, Any], part: type[BaseModel], keys: Keys) -> dict[str, Any]:
        """`value` with the right names of misspelt keys, and without those that are like none."""
        known = part.model_fields
        table = {key: inner for key, inner in value.items() if key in known}
        for key, inner in value.items():
            if key in known:
                continue
            right = nearest(key, known)
            self.lines.append(
                f"{place_in_file(self._at, (*keys, key))}: is no key of Parley{self._hint(key, right, known)}"
            )
            if not right:
                continue
            if right not in table:
                table[right] = inner
            elif isinstance(inner, Mapping) and isinstance(there := table[right], Mapping):
                table[right] = {**there, **{name: one for name, one in inner.items() if name not in there}}
        return table

    def _hint(self, key: str, right: str, known: Mapping[str, Any]) -> str:
        if right:
            return f"; did you mean {right}?"
        elsewhere = next((one for one in self._places if is_near_miss(key, one)), "")
        if not elsewhere:
            return f": here are {', '.join(known)}"
        self.misplaced.add(elsewhere)
        return f" here; did you mean {self._places[elsewhere]}?"
