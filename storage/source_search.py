"""The search for answered questions by their words. Each function is one transaction's work, run by the store.

The database finds the sources that have some of the words in the channels of the scope, and sums up the weights
of those words. The best of them are ranked in Python (`core.memory.ranking`), alike on both databases.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Integer, column, text
from sqlalchemy.sql.selectable import TextualSelect

from core.memory.ranking import ANSWER_WEIGHT, ASKED, WordCounts, score, shared
from core.values.memory import EarlierAnswer, SourceScope
from storage import sources
from storage.tables import Words

CANDIDATES = 200
"""Sources that are ranked at a time."""
MOST_ROUNDS = 10
"""Times that the next candidates are ranked, where those before are not sources any more, or of the same threads."""
COUNTED = 20_000
"""The newest sources in which PostgreSQL counts words, in their order in the index: to count 100,000 takes a second."""
FEWEST_COUNTED = 2
"""Sources that have a word that is counted: words in fewer are most of all words, and all weigh the same."""


MOST_FOUND = 6_000
"""Sources that the words which are looked for are in together: to find one takes 0.001 ms. Further words, the more
frequent ones, only rank what is found. With all words looked for among 100,000 sources, the best one is the same, and
of 100 of the best eight up to 5 are others."""
FEW = 5_000
"""Sources of a scope that are all looked at: then every word is looked for, since each is in few of them."""
MOST_SHARE = 1 / 3
"""Of all sources, the share in a scope from which PostgreSQL looks up the best ones in it, in place of finding all."""


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
    for answer in _best(connection, scope, counts, weights, 2 * limit, least):
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
    there = counts.in_scope(scope)
    few, most = there <= FEW, there >= MOST_SHARE * counts.sources
    looked_for = weights if few else counts.rarest(weights, MOST_FOUND)
    for number in range(MOST_ROUNDS):
        candidates = _candidates(connection, scope, looked_for, number, few=few, most=most)
        enough = (one for one in candidates if not least or shared(weights, one[1]) >= least)
        ranked = sorted(((score(weights, words), id_) for id_, words in enough), reverse=True)
        ids = (id_ for _, id_ in ranked)
        while batch := list(islice(ids, at_once)):
            readable = sources.answers(connection, batch, scope)
            yield from (readable[id_] for id_ in batch if id_ in readable)
        if len(candidates) < CANDIDATES:
            return


def _candidates(
    connection: Connection,
    scope: SourceScope,
    weights: Mapping[str, float],
    number: int,
    *,
    few: bool,
    most: bool,
) -> list[tuple[int, Sequence[str]]]:
    """The candidates of a round. The scope has `few` of the sources, or `most`."""
    # A place without threads never finds itself.
    channels = sorted(scope.channels - ({scope.but.channel} if not scope.but.thread else set()))
    values: dict[str, Any] = {"platform": scope.platform, "team": scope.team, "candidates": CANDIDATES}
    values["offset"] = number * CANDIDATES
    terms = list(_terms(weights))
    if connection.dialect.name == "sqlite":
        query = _SQLITE_FEW if few else _SQLITE
        quoted = [[f'"{mark}{word}"', one] for mark, word, one in terms]
        values |= {"terms": json.dumps(quoted), "channels": json.dumps(channels)}
    elif most and not few:
        query = _POSTGRES_MOST
        values |= {"channels": channels, "weights": [one for _, _, one in terms]}
        values["words"] = [f"'{mark}{word}'" for mark, word, _ in terms]
    else:
        query = _postgres(len(weights))
        values |= {"channels": channels, "any": " | ".join(f"'{mark}{word}'" for mark, word, _ in terms)}
        for at, (word, weight) in enumerate(weights.items()):
            values |= {f"asked_{at}": f"'{ASKED}{word}'", f"said_{at}": f"'{word}'", f"w_{at}": weight}
    return [(row.turn_id, row.words) for row in connection.execute(query, values)]


def _terms(weights: Mapping[str, float]) -> Iterator[tuple[str, str, float]]:
    """Each word as it is indexed for a question, and for an answer: its mark, itself, its weight."""
    for word, weight in weights.items():
        yield ASKED, word, weight
        yield "", word, ANSWER_WEIGHT * weight


_COLUMNS = (column("turn_id", Integer), column("words", Words))


def _sqlite(first: str, found: str, rest: str) -> TextualSelect:
    # SQLite leaves out the order of a subquery that is joined, unless it has a LIMIT.
    return text(
        f"""
        WITH {first} term AS MATERIALIZED (
            SELECT json_extract(value, '$[0]') AS word, json_extract(value, '$[1]') AS weight FROM json_each(:terms)
        ), found AS (
            SELECT source_words.rowid AS turn_id, sum(term.weight) AS weight
            FROM term CROSS JOIN source_words WHERE source_words MATCH term.word {found} GROUP BY source_words.rowid
        )
        SELECT sources.turn_id, sources.words
        FROM (SELECT turn_id, weight FROM found ORDER BY weight DESC, turn_id DESC LIMIT -1) AS best
        CROSS JOIN sources ON sources.turn_id = best.turn_id {rest} LIMIT :candidates OFFSET :offset
        """  # noqa: S608
    ).columns(*_COLUMNS)


_SCOPE = """
    platform = :platform AND team = :team AND channel IN (SELECT value FROM json_each(:channels))
"""
# The best are looked up one by one, until enough of them are in the scope.
_SQLITE = _sqlite("", "", f"WHERE {_SCOPE}")
# With a plus the index of words reads on, in place of looking up each source of the scope.
_HERE = f"here AS MATERIALIZED (SELECT turn_id FROM sources WHERE {_SCOPE}),"  # noqa: S608
_SQLITE_FEW = _sqlite(_HERE, "AND +source_words.rowid IN here", "")


# OFFSET of a lateral query has the planner look up each word in its index, and each of the best by its key.
_POSTGRES_MOST = text(
    """
    WITH found AS (
        SELECT one.turn_id, sum(term.weight) AS weight
        FROM unnest(CAST(CAST(:words AS text[]) AS tsquery[]), CAST(:weights AS float8[])) AS term(word, weight)
        CROSS JOIN LATERAL (SELECT turn_id FROM sources WHERE words @@ term.word OFFSET 0) AS one
        GROUP BY one.turn_id
    )
    SELECT found.turn_id, source.words FROM found CROSS JOIN LATERAL (
        SELECT words FROM sources
        WHERE sources.turn_id = found.turn_id AND platform = :platform AND team = :team
            AND channel = ANY (CAST(:channels AS text[])) OFFSET 0
    ) AS source
    ORDER BY found.weight DESC, found.turn_id DESC LIMIT :candidates OFFSET :offset
    """
).columns(*_COLUMNS)


@cache
def _postgres(count: int) -> TextualSelect:
    """The query for that many words."""
    weight = " + ".join(
        f"CASE WHEN words @@ CAST(:asked_{number} AS tsquery) THEN CAST(:w_{number} AS float8) "
        f"WHEN words @@ CAST(:said_{number} AS tsquery) THEN {ANSWER_WEIGHT} * CAST(:w_{number} AS float8) ELSE 0 END"
        for number in range(count)
    )
    return text(
        f"""
        SELECT turn_id, words FROM sources
        WHERE words @@ CAST(:any AS tsquery) AND platform = :platform AND team = :team
            AND channel = ANY (CAST(:channels AS text[]))
        ORDER BY {weight} DESC, turn_id DESC LIMIT :candidates OFFSET :offset
        """  # noqa: S608
    ).columns(*_COLUMNS)


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
    for word, count in rows:
        plain = word.removeprefix(ASKED)
        having[plain] = having.get(plain, 0) + round(count * times)
    return WordCounts(sources_there, having, in_channel)


_CHANNEL_COUNTS = text("SELECT platform, team, channel, count(*) FROM sources GROUP BY platform, team, channel")
_SQLITE_COUNTS = text("SELECT term, doc FROM source_terms WHERE doc >= :least")
_POSTGRES_COUNTS = text(
    f"""
    SELECT word, ndoc FROM ts_stat('SELECT words FROM sources ORDER BY turn_id DESC LIMIT {COUNTED}')
    WHERE ndoc >= :least
    """  # noqa: S608
)
