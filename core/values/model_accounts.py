"""The model accounts that workspaces have set for themselves."""

from __future__ import annotations

from dataclasses import dataclass

OF_WORKSPACES = "workspace"
"""The name of such accounts and of their models in metrics: none tells workspaces apart."""
KEY_END = 4
"""The last characters of a key that people are shown."""


@dataclass(frozen=True, slots=True)
class ModelAccount:
    """The account that alone answers the questions of a workspace: an endpoint and the models that may be chosen there,
    the first one by default. Its key is not in memory. `key_end`: the last characters of the key. `version` counts
    the changes.
    """

    platform: str
    team: str
    base_url: str
    models: tuple[str, ...]
    key_end: str = ""
    version: int = 0

    @property
    def default_model(self) -> str:
        return self.models[0]

    def model_for(self, name: str) -> str:
        """`name`, or the default where the account does not have that model."""
        return name if name in self.models else self.default_model


def key_end(key: str) -> str:
    """The characters of a key that people are shown: none of a short one."""
    return key[-KEY_END:] if len(key) > 2 * KEY_END else ""
