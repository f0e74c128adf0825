"""The search for answered questions by their words. Each function is one transaction's work, run by the store.

The database finds the sources that have some of the words in the channels of the scope, by their ids. Those whose words
weigh most are read, and ranked in Python (`core.memory.ranking`), alike on both databases.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection, text

from core.memory.ranking import ASKED, Scorer, WordCounts
from core.values.memory import EarlierAnswer, SourceScope
from storage import sources
from storage.direct import DirectStatement
from storage.given import given
from storage.tables import words_of

CANDIDATES = 100
"""Sources that are ranked at a time."""
MOST_ROUNDS = 20
"""Times that the next candidates are ranked, where those before are not sources any more, or of the same threads."""
COUNTED = 20_000
"""The newest sources in which PostgreSQL counts words, in their order in the index: to count 100,000 takes a second."""
FEWEST_COUNTED = 2
"""Sources that have a word that is counted: words in fewer are most of all words, and all weigh the same."""
MOST_FOUND = 1_600
"""Sources that the words which are looked for are in together: to find one takes 0.002 ms. The other words only rank
what is found: frequent ones, and first those of answers. With all words looked for among 100,000 sources, the best one
is the same for 97 of 100 long questions and 99 of 100 short ones, and 7 of 100 of the best eight are others."""
FEW = 5_000
"""Sources of a scope that are all looked at: then every word is looked for, since each is in few of them."""


def search(
    connection: Connection,
    scope: SourceScope,
    counts: WordCounts,
    weights: Mapping[str, float],
    limit: int,
    least: float = 0.0,
) -> list[EarlierAnswer]:
    """The best sources for these words, one of each thread. `least`: the share of their weight that each has."""
    found: dict[str, EarlierAnswer] = {}
    for answer in _best(connection, scope, counts, weights, limit, least):
        found.setdefault(answer.place.key, answer)
        if len(found) == limit:
            break
    return list(found.values())


def _best(
    connection: Connection,
    scope: SourceScope,
    counts: WordCounts,
    weights: Mapping[str, float],
    at_once: int,
    least: float,
) -> Iterator[EarlierAnswer]:
    """The sources for these words, best first, and of equal ones the newest. Their texts are read `at_once`."""
    few = counts.in_scope(scope) <= FEW
    terms, scorer = counts.terms(weights, None if few else MOST_FOUND), Scorer(weights)
    for candidates in islice(_candidates(connection, scope, terms, few=few), MOST_ROUNDS):
        matches = [
            (scorer.match_counted(words_of(words), words.count(ASKED)), id_) for id_, words in candidates
        ]
        ranked = sorted(((match.score, id_) for match, id_ in matches if match.shared >= least), reverse=True)
        ids = (id_ for _, id_ in ranked)
        while batch := list(islice(ids, at_once)):
            there = sources.answers(connection, batch, scope)
            yield from (there[id_] for id_ in batch if id_ in there)
        # Of those behind the last, which come in the order of what they share, none has enough where it has not.
        if len(matches) < CANDIDATES or matches[-1][0].shared < least:
            return


def _candidates(
    connection: Connection, scope: SourceScope, terms: Sequence[tuple[str, float]], *, few: bool
) -> Iterator[Sequence[Sequence[Any]]]:
    """The sources that have some of these terms of the index, `CANDIDATES` at a time, each with its words: those first
    whose terms weigh most, and of equal ones the newest. `few`: the scope has few sources."""
    # A place without threads never finds itself.
    channels = sorted(scope.channels - ({scope.but.channel} if not scope.but.thread else set()))
    dialect = connection.dialect.name
    place = {"platform": scope.platform, "team": scope.team, "channels": given(dialect, channels)}
    if dialect == "sqlite":
        return _sqlite_candidates(connection, place, terms, few=few)
    return _postgres_candidates(connection, place, terms, few=few)


def _sqlite_candidates(
    connection: Connection, place: Mapping[str, Any], terms: Sequence[tuple[str, float]], *, few: bool
) -> Iterator[Sequence[Sequence[Any]]]:
    quoted = json.dumps([(f'"{term}"', weight) for term, weight in terms])
    rows = (_SQLITE_FEW if few else _SQLITE).rows(connection, {**place, "terms": quoted})
    best = _best_first((weight, json.loads(ids)) for weight, ids in rows)
    while best:
        values = {**place, "turn_ids": json.dumps(best), "candidates": CANDIDATES}
        rows = _SQLITE_SOURCES.rows(connection, values)
        yield rows
        best = best[best.index(rows[-1][0]) + 1 :] if rows else []


def _postgres_candidates(
    connection: Connection, place: Mapping[str, Any], terms: Sequence[tuple[str, float]], *, few: bool
) -> Iterator[Sequence[Sequence[Any]]]:
    quoted, weights = [f"'{term}'" for term, _ in terms], [weight for _, weight in terms]
    rows = (_POSTGRES_FEW if few else _POSTGRES).rows(
        connection, {**place, "terms": quoted, "weights": weights}
    )
    best = _best_first((weight, ids or ()) for weight, ids in rows)
    for at in range(0, len(best), CANDIDATES):
        yield _POSTGRES_SOURCES.rows(connection, {"turn_ids": best[at : at + CANDIDATES]})


def _best_first(found: Iterable[tuple[float, Iterable[int]]]) -> list[int]:
    """The ids that are found for each weight of a term, those first whose terms weigh most. The weights are summed up
    here: GROUP BY takes as long as the search in the index on PostgreSQL, and three times as long on SQLite."""
    sums: dict[int, float] = {}
    for weight, ids in found:
        for turn_id in ids:
            sums[turn_id] = sums.get(turn_id, 0.0) + weight
    best = sorted(sums, reverse=True)
    best.sort(key=sums.__getitem__, reverse=True)
    return best


def _sqlite(first: str, found: str) -> DirectStatement:
    query = f"""
        {first} SELECT json_extract(term.value, '$[1]'), (
            SELECT json_group_array(source_words.rowid) FROM source_words
            WHERE source_words MATCH json_extract(term.value, '$[0]') {found}
        ) FROM json_each(:terms) AS term
    """  # noqa: S608
    return DirectStatement(text(query))


_OF_TEAM = "platform = :platform AND team = :team"
_SCOPE = f"{_OF_TEAM} AND channel IN (SELECT value FROM json_each(:channels))"  # noqa: S608
_SQLITE = _sqlite("", "")
# With a plus the index of words reads on, in place of looking up each source of the scope.
_SQLITE_FEW = _sqlite(
    f"WITH here AS MATERIALIZED (SELECT turn_id FROM sources WHERE {_SCOPE})",  # noqa: S608
    "AND +source_words.rowid IN here",
)
# CROSS JOIN keeps the order of the ids: they are looked up one by one, until enough of them are in the scope.
_SQLITE_SOURCES = DirectStatement(
    text(
        f"""
        SELECT sources.turn_id, sources.words
        FROM json_each(:turn_ids) AS best CROSS JOIN sources ON sources.turn_id = best.value
        WHERE {_SCOPE} LIMIT :candidates
        """  # noqa: S608
    )
)


def _postgres(channels: str) -> DirectStatement:
    query = f"""
        SELECT term.weight, (
            SELECT array_agg(turn_id) FROM sources
            WHERE words @@ CAST(term.word AS tsquery) AND {_OF_TEAM} AND {channels}
        ) FROM unnest(CAST(:terms AS text[]), CAST(:weights AS float8[])) AS term(word, weight)
    """  # noqa: S608
    return DirectStatement(text(query))


# As `storage.given.among_many`: the index of channels would be read for each word.
_POSTGRES = _postgres("""(channel IN (SELECT unnest(CAST(:channels AS text[]) COLLATE "C"))) IS TRUE""")
_POSTGRES_FEW = _postgres("channel = ANY (CAST(:channels AS text[]))")
# OFFSET of a lateral query keeps the order of the ids.
_POSTGRES_SOURCES = DirectStatement(
    text(
        """
        SELECT source.turn_id, CAST(source.words AS text) FROM unnest(CAST(:turn_ids AS bigint[])) AS best(id)
        CROSS JOIN LATERAL (SELECT turn_id, words FROM sources WHERE turn_id = best.id OFFSET 0) AS source
        """
    )
)


def count_words(connection: Connection) -> WordCounts:
    """The number of sources, of those that have each word, and of those in each channel."""
    sources_there = connection.scalar(text("SELECT count(*) FROM sources")) or 0
    if connection.dialect.name == "sqlite":
        rows = connection.execute(_SQLITE_COUNTS, {"least": FEWEST_COUNTED})
        times = 1.0
    else:
        rows = connection.execute(_POSTGRES_COUNTS, {"least": FEWEST_COUNTED})
        times = max(1.0, sources_there / COUNTED)
    channels = connection.execute(_CHANNEL_COUNTS)
    in_channel = {(platform, team, channel): count for platform, team, channel, count in channels}
    having: dict[str, int] = {}
    asked: dict[str, int] = {}
    for term, found in rows:
        word, count = term.removeprefix(ASKED), round(found * times)
        having[word] = having.get(word, 0) + count
        if word != term:
            asked[word] = count
    return WordCounts(sources_there, having, asked, in_channel)


_CHANNEL_COUNTS = text("SELECT platform, team, channel, count(*) FROM sources GROUP BY platform, team, channel")
_SQLITE_COUNTS = text("SELECT term, doc FROM source_terms WHERE doc >= :least")
_POSTGRES_COUNTS = text(
    f"""
    SELECT word, ndoc FROM ts_stat('SELECT words FROM sources ORDER BY turn_id DESC LIMIT {COUNTED}')
    WHERE ndoc >= :least
    """  # noqa: S608
)
