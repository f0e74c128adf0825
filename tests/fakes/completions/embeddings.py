"""The requests of /embeddings: https://platform.openai.com/docs/api-reference/embeddings/create

A vector is the sum of the directions of its text's words. A direction is the hash of the word, or of the meaning that
it has in `MEANINGS`: two texts without a common word may have the same vector.
"""

import hashlib
import math
import re
from collections.abc import Callable

from .replies import Json, Status
from .statuses import INVALID, said

DIMENSION = 64
MOST_INPUTS = 10
MEANINGS = {
    **dict.fromkeys(("password", "passphrase", "login", "credentials", "kennwort"), "password"),
    **dict.fromkeys(("reset", "recover", "forgot", "lost", "renew"), "reset"),
    **dict.fromkeys(("deploy", "ship", "release", "rollout"), "deploy"),
}
_FUNCTION_WORDS = re.compile(
    "a|an|and|are|can|do|does|how|i|is|it|my|of|on|or|the|to|we|what|when|where|you|your"
)

Embed = Callable[[str], list[float]]


def hashed(text: str, dimension: int = DIMENSION) -> list[float]:
    """The vector of a text; that of a text without words points along the first axis."""
    vector = [0.0] * dimension
    for word in re.findall(r"\w+", text.lower()):
        if not _FUNCTION_WORDS.fullmatch(word):
            for at, part in enumerate(direction(MEANINGS.get(word, word), dimension)):
                vector[at] += part
    if not any(vector):
        vector[0] = 1.0
    return vector


def direction(word: str, dimension: int) -> list[float]:
    """A direction for the word, nearly at a right angle to those of other words."""
    data = hashlib.shake_128(word.encode()).digest(dimension)
    length = math.sqrt(dimension)
    return [(1 if byte & 1 else -1) / length for byte in data]


def embeddings_answer(body: object, embed: Embed) -> Status:
    """The answer to a request; a refusal where its form is wrong."""
    inputs = body.get("input") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not body.get("model") or not isinstance(inputs, list) or not inputs:
        return Status(400, said("you must provide a model and an input", INVALID))
    if len(inputs) > MOST_INPUTS or not all(isinstance(text, str) and text for text in inputs):
        return Status(400, said("'$.input' is invalid", INVALID))
    tokens = sum(len(text.split()) for text in inputs)
    data = [{"object": "embedding", "index": at, "embedding": embed(text)} for at, text in enumerate(inputs)]
    answer: Json = {
        "object": "list",
        "data": data,
        "model": body["model"],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    return Status(200, answer)
