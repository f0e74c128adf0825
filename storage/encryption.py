"""Secrets of teams, encrypted with the operator's key by AES-GCM. A secret is bound to its place: moved to another row
or column it can't be decrypted.

Each begins with the id of its key, so that it is known at the start which key is missing.
https://cryptography.io/en/latest/hazmat/primitives/aead/
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.errors import StoreError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
_ID_CHARACTERS = 12


class SecretKeys:
    """The keys that decrypt; the first one of them encrypts."""

    def __init__(self, *keys: bytes) -> None:
        self._ciphers = {_id_of(key): _cipher(key) for key in keys}

    @property
    def ids(self) -> Sequence[str]:
        """The ids of the keys, that of the one which encrypts first."""
        return list(self._ciphers)

    def encrypt(self, text: str, *place: str) -> str:
        """`text` for the column and row that `place` names. Raises StoreError where there is no key."""
        if not self._ciphers:
            raise StoreError("PARLEY_SECRET_KEY is not set: secrets of teams can't be stored", retryable=False)
        key_id, cipher = next(iter(self._ciphers.items()))
        nonce = os.urandom(_NONCE_BYTES)
        content = nonce + cipher.encrypt(nonce, text.encode(), _bound(place))
        return f"{key_id}:{base64.b64encode(content).decode()}"

    def decrypt(self, stored: str, *place: str) -> str:
        """The text. Raises StoreError, which has nothing of it."""
        key_id, _, encoded = stored.partition(":")
        from cryptography.exceptions import InvalidTag

        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise StoreError(WRONG_KEY, retryable=False)
        try:
            content = base64.b64decode(encoded, validate=True)
            return cipher.decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], _bound(place)).decode()
        except (InvalidTag, ValueError):
            raise StoreError("a stored token was changed, or is that of another row", retryable=False) from None

    def is_newest(self, stored: str) -> bool:
        """True if the key that encrypts now has encrypted it."""
        return stored.partition(":")[0] == next(iter(self._ciphers), "")


WRONG_KEY = (
    "PARLEY_SECRET_KEY: is not the key by which tokens in this database are encrypted: set that one, or set it as "
    "PARLEY_SECRET_KEY_BEFORE beside a new one"
)


def _cipher(key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # programs without a key need not load it

    return AESGCM(key)


def _id_of(key: bytes) -> str:
    """A name of the key that does not lead to it."""
    return hashlib.sha256(b"parley key id" + key).hexdigest()[:_ID_CHARACTERS]


def _bound(place: Sequence[str]) -> bytes:
    return b"\0".join(part.encode() for part in place)
