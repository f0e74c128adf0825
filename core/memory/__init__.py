"""A team's memory: answered questions that later answers may cite.

    tokens            the words of a text, as they are indexed and looked for
    ranking           the words of a source, and its score for a question
    indexing          indexes, in the background, the answers that ended before they could be indexed
    audience          the channels and threads that an answer may use, by who reads it; pure
    channel_memories  the setting of channels
    source_scopes     finds the channels in which an answer looks for sources
    recall            finds earlier answers: for a question, by a search, and those that an answer cites
    variety           keeps one person from filling what is found; pure
    opinions          which earlier answers people do not want as sources; pure
    source_checks     looks at earlier answers on their platform before they are used
    source_text       earlier answers as models and people read them; pure
    citations         the numbers in an answer that cite earlier ones; pure
    found_messages    messages that a platform's own search finds, where there may be no memory
    found_text        these messages as models and people read them; pure

The store keeps the index (`core.ports.store.memory`).
"""
