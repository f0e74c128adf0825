"""The key by which secrets of teams are encrypted. Pure but for `new_secret_key`."""

from __future__ import annotations

import base64
import binascii
import re
import secrets

BYTES = 32
_HEX = re.compile(r"[0-9a-fA-F]{64}")


def secret_key_bytes(text: str) -> bytes:
    """The 32 bytes of a key that is written in base64 or in hexadecimal digits. Raises ValueError."""
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        key = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != BYTES:
        raise ValueError(
            "must be 32 bytes, in base64 or as 64 hexadecimal digits: `openssl rand -base64 32` makes one"
        )
    return key


def new_secret_key() -> str:
    """A key at random, in base64."""
    return base64.b64encode(secrets.token_bytes(BYTES)).decode()
