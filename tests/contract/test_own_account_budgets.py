"""Answers of workspaces' own model accounts: their own limits count them, and those of several workspaces do not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.spend.budgets import payer_of
from core.values.budgets import ANY, Balance, BudgetClaim, BudgetDecision, BudgetVerdict, Spent
from core.values.conversation import Turn, TurnState
from core.values.deltas import Usage
from core.values.turn_ends import Finish
from storage import SqlStore
from tests.contract.stored import ANN, BEN, PLACE, accepted, ask
from tests.contract.test_budget_store import EVERYBODY, NOTHING, budget, of_channel, of_person, of_team
from tests.contract.test_budget_store import reserve as reserve_of_operators

THERE = replace(PLACE, team="T2")
HUGE = Usage(90_000_000, 10, cost_micros=999_999_000_000)
AMOUNTS = Spent(999_999_000_000, 90_000_010)


async def begun(store: SqlStore, id: str = "m1") -> Turn:
    return await store.begin((await accepted(store, ask(id))).id)


async def reserve(store: SqlStore, turn: Turn, most: Spent, spent: Spent = NOTHING) -> BudgetDecision:
    payer = payer_of(PLACE, ANN.id, own=True)
    claim = BudgetClaim(turn.id, payer, turn.ask.at, most, spent)
    return await store.reserve(claim, ANN.id, [budget(of_channel())])


async def spent(store: SqlStore) -> list[Spent]:
    """The spending of the channel, the workspace, the person within it, the person anywhere, and everybody."""
    accounts = [of_channel(), of_team(), of_person(), of_person(team=ANY), EVERYBODY]
    return [one.spent for one in await store.balances(accounts, ANN.id)]


@pytest.mark.parametrize("opened_before", [True, False], ids=["open", "new"])
async def test_only_accounts_of_its_workspace_count_an_answer(sql_store: SqlStore, opened_before: bool) -> None:
    if opened_before:
        assert await spent(sql_store) == [NOTHING] * 5
    turn = await begun(sql_store)
    end = Finish(turn, TurnState.DONE, "because", model="m", usage=HUGE, own_account=True)
    await sql_store.finish(end)
    assert await spent(sql_store) == [AMOUNTS] * 3 + [NOTHING] * 2


async def test_only_accounts_of_its_workspace_count_an_answer_so_far(sql_store: SqlStore) -> None:
    turn = await begun(sql_store)
    await reserve(sql_store, turn, NOTHING, AMOUNTS)
    assert await spent(sql_store) == [AMOUNTS] * 3 + [NOTHING] * 2
    await sql_store.finish(Finish(turn, TurnState.FAILED, model="m", usage=HUGE))
    assert await spent(sql_store) == [AMOUNTS] * 3 + [NOTHING] * 2


async def test_an_answer_of_another_workspace_does_not_wait_for_it(sql_store: SqlStore) -> None:
    await sql_store.balances([of_channel(), EVERYBODY], ANN.id)
    assert (await reserve(sql_store, await begun(sql_store), AMOUNTS)).verdict is BudgetVerdict.ALLOWED
    other = await accepted(sql_store, ask("m2", place=THERE, by=BEN))
    decision = await reserve_of_operators(sql_store, other, 60, budget(EVERYBODY))
    assert (decision.verdict, decision.balance) == (BudgetVerdict.ALLOWED, Balance())


async def test_an_answer_of_its_own_workspace_waits_for_it(sql_store: SqlStore) -> None:
    await reserve(sql_store, await begun(sql_store), Spent(60, 60))
    decision = await reserve(sql_store, await begun(sql_store, "m2"), Spent(60, 60))
    assert decision.verdict is BudgetVerdict.WAIT
