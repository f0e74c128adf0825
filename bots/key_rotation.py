"""Encrypts stored tokens with the operator's newest key."""

from __future__ import annotations

import structlog

from core.clock import Clock
from core.errors import StoreError
from core.ports.store.installations import InstallationStore

log = structlog.get_logger()

_STEP = 20
"""Installations of one transaction."""
_STEP_PAUSE_S = 0.05
_EVERY_S = 3_600.0


async def rewrite_tokens(store: InstallationStore, clock: Clock) -> None:
    """Encrypt with PARLEY_SECRET_KEY what PARLEY_SECRET_KEY_BEFORE encrypted, now and every hour: another process may
    still have the former one. Until cancelled."""
    while True:
        try:
            rewritten = 0
            while step := await store.rewrite_tokens(_STEP):
                rewritten += step
                await clock.sleep(_STEP_PAUSE_S)
            if rewritten:
                log.info("tokens_encrypted_anew", installations=rewritten)
        except StoreError as error:
            log.warning("tokens_not_encrypted_anew", **error.log_keys)
        await clock.sleep(_EVERY_S)
