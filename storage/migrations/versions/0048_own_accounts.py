"""Answers that a workspace's own model account writes: no account of several workspaces counts them.

The function of the version before has other parameters, and stays for processes of that version.
"""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"

_FUNCTION = """
CREATE FUNCTION reserve_spending(
    for_turn_id BIGINT, for_platform TEXT, for_team TEXT, for_channel TEXT, for_person TEXT, for_at_us BIGINT,
    most_micros BIGINT, most_tokens BIGINT, more_micros BIGINT, more_tokens BIGINT,
    for_own BOOLEAN
) RETURNS TABLE (
    counted_micros BIGINT, counted_tokens BIGINT, platform TEXT, team TEXT, channel TEXT, person TEXT, period TEXT,
    since_us BIGINT, until_us BIGINT, micros BIGINT, tokens BIGINT, lifted TEXT, reserved_micros BIGINT,
    reserved_tokens BIGINT
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    own RECORD;
BEGIN
    PERFORM
        set_config('synchronous_commit', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true);
    PERFORM 1 FROM turns WHERE id = for_turn_id AND state IN ('waiting', 'running') FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(1920168566, hashtext(current_schema()));
    INSERT INTO reservations AS held (
        turn_id, platform, team, channel, person, micros, tokens, counted_micros, counted_tokens, at_us,
        own_account
    ) VALUES (
        for_turn_id, for_platform, for_team, for_channel, for_person, most_micros, most_tokens, more_micros,
        more_tokens, for_at_us, for_own
    ) ON CONFLICT (turn_id) DO UPDATE SET
        platform = excluded.platform, team = excluded.team, channel = excluded.channel, person = excluded.person,
        micros = excluded.micros, tokens = excluded.tokens, at_us = excluded.at_us,
        own_account = held.own_account OR excluded.own_account,
        counted_micros = held.counted_micros + excluded.counted_micros,
        counted_tokens = held.counted_tokens + excluded.counted_tokens
    RETURNING held.counted_micros, held.counted_tokens INTO own;
    IF NOT EXISTS (
        SELECT 1 FROM reservations AS held WHERE held.turn_id <> for_turn_id AND (held.micros > 0 OR held.tokens > 0)
    ) THEN
        RETURN QUERY SELECT
            own.counted_micros, own.counted_tokens, account.platform, account.team, account.channel, account.person,
            account.period, account.since_us, account.until_us, account.micros, account.tokens, account.lifted::TEXT,
            0::BIGINT, 0::BIGINT
        FROM (SELECT 1) AS one
        LEFT JOIN spending AS account ON account.platform IN ('*', for_platform) AND account.team IN ('*', for_team)
        AND account.channel IN ('*', for_channel) AND account.person IN ('*', for_person)
        AND account.since_us <= for_at_us AND account.until_us > for_at_us
        AND (account.team <> '*' OR NOT for_own);
        RETURN;
    END IF;
    RETURN QUERY SELECT
        own.counted_micros, own.counted_tokens, account.platform, account.team, account.channel, account.person,
        account.period, account.since_us, account.until_us, account.micros, account.tokens, account.lifted::TEXT,
        coalesce(others.micros, 0)::BIGINT, coalesce(others.tokens, 0)::BIGINT
    FROM (SELECT 1) AS one
    LEFT JOIN spending AS account ON account.platform IN ('*', for_platform) AND account.team IN ('*', for_team)
        AND account.channel IN ('*', for_channel) AND account.person IN ('*', for_person)
        AND account.since_us <= for_at_us AND account.until_us > for_at_us
        AND (account.team <> '*' OR NOT for_own)
    LEFT JOIN LATERAL (
        SELECT sum(held.micros) AS micros, sum(held.tokens) AS tokens
        FROM reservations AS held JOIN turns ON turns.id = held.turn_id
        WHERE turns.state IN ('waiting', 'running') AND held.turn_id <> for_turn_id
            AND account.platform IN ('*', held.platform) AND account.team IN ('*', held.team)
            AND account.channel IN ('*', held.channel) AND account.person IN ('*', held.person)
            AND account.since_us <= held.at_us AND account.until_us > held.at_us
            AND (account.team <> '*' OR NOT held.own_account)
    ) AS others ON true;
END
$$
"""


def upgrade() -> None:
    for table in ("usage", "reservations"):
        column: sa.Column[bool] = sa.Column(
            "own_account", sa.Boolean(), nullable=False, server_default=sa.false()
        )
        op.add_column(table, column)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_FUNCTION)
