"""Each charge of an answer in the sums of its own model, no longer in that of the answer's."""

from __future__ import annotations

from collections import Counter, defaultdict

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"

DAY_US = 86_400_000_000
TOKENS = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
SUMMED = (*TOKENS, "cost_micros", "unpriced")
KEYS = ("at_us", "platform", "team", "channel", "name")

USED = sa.table(
    "usage",
    *(sa.column(name) for name in ("turn_id", "at_us", "platform", "team", "channel", "model")),
    *(sa.column(name, sa.BigInteger) for name in (*TOKENS, "cost_micros")),
    sa.column("partly_priced", sa.Boolean),
)
CHARGED = sa.table(
    "charges",
    *(sa.column(name) for name in ("turn_id", "kind", "model")),
    *(sa.column(name, sa.BigInteger) for name in (*TOKENS, "cost_micros")),
    sa.column("partly_priced", sa.Boolean),
)
SUMS = sa.table(
    "usage_sums",
    *(sa.column(name) for name in ("kind", *KEYS)),
    *(sa.column(name, sa.BigInteger) for name in ("answers", "questions", "errors", *SUMMED)),
)


def upgrade() -> None:
    connection = op.get_bind()
    changes: defaultdict[tuple[object, ...], Counter[str]] = defaultdict(Counter)
    charged: defaultdict[int, list[sa.Row[tuple[object, ...]]]] = defaultdict(list)
    for row in connection.execute(sa.select(CHARGED)):
        charged[row.turn_id].append(row)
    in_use = sa.select(CHARGED.c.turn_id).where(CHARGED.c.turn_id == USED.c.turn_id).exists()
    for used in connection.execute(sa.select(USED).where(in_use)).all():
        place = (used.at_us // DAY_US * DAY_US, used.platform, used.team, used.channel)
        own, unknown = changes[*place, used.model], set()
        for name in (*TOKENS, "cost_micros"):
            own[name] -= getattr(used, name) or 0
        for charge in charged[used.turn_id]:
            for name in (*TOKENS, "cost_micros"):
                changes[*place, charge.model][name] += getattr(charge, name) or 0
            if charge.cost_micros is None or charge.partly_priced:
                unknown.add(charge.model)
        if used.cost_micros is None or used.partly_priced:
            own["unpriced"] -= bool(unknown)
        for model in unknown:
            changes[*place, model]["unpriced"] += 1
    for key, change in changes.items():
        here = [SUMS.c.kind == "model", *(SUMS.c[name] == value for name, value in zip(KEYS, key, strict=True))]
        more = {name: SUMS.c[name] + change[name] for name in SUMMED}
        if not connection.execute(sa.update(SUMS).where(*here).values(more)).rowcount:
            counts = dict.fromkeys(("answers", "questions", "errors"), 0)
            sums = {"kind": "model", **dict(zip(KEYS, key, strict=True)), **counts}
            connection.execute(sa.insert(SUMS).values(sums | {name: change[name] for name in SUMMED}))
