"""The page's renderer, run by Node without a browser: what it builds, and in what time."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.page import NODE
from tests.shapes import SHAPES

HERE = Path(__file__).parent
STATIC = HERE.parents[2] / "bots" / "web"


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's modules where Node finds them: on the page they have absolute addresses."""
    folder = tmp_path_factory.mktemp("static")
    (folder / "package.json").write_text('{"type": "module"}')
    for path in STATIC.glob("*.js"):
        (folder / path.name).write_text(path.read_text().replace('"/static/', '"./'))
    return folder


def built(modules: Path, jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    command = [NODE, str(HERE / "renderer.mjs"), str(modules)]
    done = subprocess.run(
        command, input=json.dumps(jobs), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer: list[dict[str, Any]] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("growing", [False, True])
def test_four_times_the_text_takes_about_four_times_as_long_whatever_its_shape(
    modules: Path, growing: bool
) -> None:
    slow: dict[str, list[float]] = {name: [] for name in SHAPES}
    for _ in range(3):  # a loaded machine makes a shape slow once, its cost makes it slow each time
        if slow:
            slow = slow_shapes(modules, list(slow), growing=growing)
    assert slow == {}


def slow_shapes(modules: Path, names: list[str], *, growing: bool) -> dict[str, list[float]]:
    """Milliseconds of the processor for 5,000, 5,000, 20,000 and 20,000 characters of each shape too slow."""
    lengths = (5_000, 5_000, 20_000, 20_000)
    jobs = [{"text": SHAPES[name](length), "growing": growing} for name in names for length in lengths]
    spent_ms = [job["ms"] for job in built(modules, jobs)]
    slow = {}
    for number, name in enumerate(names):
        *short, long, again = spent_ms[4 * number : 4 * number + 4]
        if min(long, again) > 10 * max(6.0, *short):
            slow[name] = [*short, long, again]
    return slow


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("a **b *c* d** e", "<p>a <strong>b <em>c</em> d</strong> e</p>"),
        ("` a ` and `` ` ``", "<p><code>a</code> and <code>`</code></p>"),
        ("[a [b] c](http://x.test/y_(z))", "<p><a http://x.test/y_(z)>a [b] c</a></p>"),
        ("[a](javascript:x) [b](http://x", "<p>[a](javascript:x) [b](<a http://x>http://x</a></p>"),
        ("## Head ## \n# a#", "<h3>Head</h3><h2>a#</h2>"),
        ("a\\`b` c`", "<p>a`b<code> c</code></p>"),
        ("**`**`**", "<p><strong><code>**</code></strong></p>"),
        ("http://x.test/a). Yes", "<p><a http://x.test/a>http://x.test/a</a>). Yes</p>"),
    ],
)
def test_marks_become_elements(modules: Path, markdown: str, html: str) -> None:
    (made,) = built(modules, [{"text": markdown}])
    assert made["html"] == f"<div>{html}</div>"


@pytest.mark.parametrize(
    ("markdown", "code"),
    [
        ("```py\nx\n```", "x"),
        ("````md\n```sh\nx\n```\n````", "```sh\nx\n```"),
        ("~~~ a`b\nx\n~~~", "x"),
        ("```\nx\n    ```\ny\n```", "x\n    ```\ny"),
        ("1. item\n\n   ```sh\n   x\n   ```", "x"),
        ("```\nx\n``` y", "x\n``` y"),
    ],
)
def test_code_is_shown_as_it_was_written(modules: Path, markdown: str, code: str) -> None:
    (made,) = built(modules, [{"text": markdown}])
    assert f"<pre><code>{code}</code></pre>" in made["html"]


def test_an_answer_of_any_shape_keeps_its_letters_while_it_grows(modules: Path) -> None:
    """Also more cells in a row than a function takes arguments."""
    shapes = {name: shape(2_000) for name, shape in SHAPES.items()} | {"a row": "| a " * 70_000}
    jobs = [{"text": text, "growing": True, "cuts": [len(text) // 3, len(text)]} for text in shapes.values()]
    for name, text, made in zip(shapes, shapes.values(), built(modules, jobs), strict=True):
        assert made["text"].count("word") + made["html"].count("word") >= text.count("word"), name


def test_backticks_in_pieces_and_then_words_are_painted_in_about_the_time_of_letters(modules: Path) -> None:
    words = "".join(f" w{number}" for number in range(40))
    texts = [mark * 36_000 + words for mark in ("x", "`")]
    cuts = [*range(600, 36_001, 600), *range(36_003, 36_000 + len(words), 4)]
    letters, backticks = (
        job["ms"] for job in built(modules, [{"text": t, "growing": True, "cuts": cuts} for t in texts])
    )
    assert backticks < 20 * max(letters, 20.0)
