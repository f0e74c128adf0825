"""Write a new revision down. See `storage.migrations`."""

from __future__ import annotations

import sys

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from storage.migrations import config, run_revisions

if len(sys.argv) != 2:
    sys.exit('usage: python -m storage.migrations "what it changes"')
_engine = create_engine("sqlite://")
with _engine.begin() as _connection:
    run_revisions(_connection)
    _config = config(_connection)
    _number = len(list(ScriptDirectory.from_config(_config).walk_revisions())) + 1
    command.revision(_config, sys.argv[1], autogenerate=True, rev_id=f"{_number:04}")
_engine.dispose()
