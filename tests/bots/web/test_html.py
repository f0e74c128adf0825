"""The HTML that the page gets: what it shows, that nothing in it runs, and in what time it is made."""

from __future__ import annotations

import re
import time
from html import escape
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.web import html as made_of
from bots.web.html import Rendering, highlighted, rendered
from core.delivery.markdown.parser import _remembered_leaves, inline
from core.delivery.markdown.tail import tail
from tests.bots.web.windows import MARKDOWN
from tests.shapes import SHAPES

TAGS = {
    *(
        "p",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "li",
        "blockquote",
        "hr",
        "br",
        "em",
        "strong",
        "del",
        "a",
    ),
    *("code", "pre", "div", "span", "table", "thead", "tbody", "tr", "th", "td"),
}
VOID = ("br", "hr")


class Reader(HTMLParser):
    """The text of HTML. Fails where a tag or attribute is one that we don't write, or is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.roots, self._open = "", 0, list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS or tag.startswith("m"), tag
        self.roots += not self._open
        for name, value in attrs:
            assert not name.startswith("on")
            assert name not in ("style", "src", "id")
            if name == "href":
                assert re.match(r"https?://|mailto:", value or "", re.IGNORECASE)
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(rendering: Rendering) -> str:
    text = ""
    for block in rendering.blocks:
        reader = Reader()
        reader.feed(block)
        reader.close()
        assert (reader.roots, reader._open) == (1, [])
        text += reader.text
    return text


def html(text: str) -> str:
    found = "".join(rendered(text).blocks).replace(' target="_blank" rel="noopener noreferrer"', "")
    return re.sub(r">\n<", "><", found)


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("a **b *c* d** e", "<p>a <strong>b <em>c</em> d</strong> e</p>"),
        ("**中文：**后面 他说**「好」**了", "<p><strong>中文：</strong>后面 他说<strong>「好」</strong>了</p>"),
        ("` a ` and `` ` ``", "<p><code>a</code> and <code>`</code></p>"),
        ("[a [b] c](http://x.test/y_(z))", '<p><a href="http://x.test/y_(z)">a [b] c</a></p>'),
        ("[a](javascript:x) [b](//x) <data:y>", "<p>[a](javascript:x) [b](//x) &lt;data:y&gt;</p>"),
        ("## Head ## \n# a#", "<h3>Head</h3><h2>a#</h2>"),
        ("Title\n=====\nwords", "<h2>Title</h2><p>words</p>"),
        ("http://x.test/a). Yes", '<p><a href="http://x.test/a">http://x.test/a</a>). Yes</p>'),
        ("[docs][1]\n\n[1]: http://x.test", '<p><a href="http://x.test">docs</a></p>'),
        ("![cat](http://x.test/c.png)", '<p><a href="http://x.test/c.png">cat</a></p>'),
        ("one\ntwo<br>three &amp; <b>", "<p>one<br>two<br>three &amp; &lt;b&gt;</p>"),
        ("- [x] a\n- [ ] b", "<ul><li>☑ a</li><li>☐ b</li></ul>"),
        ("***a** b*", "<p><em><strong>a</strong> b</em></p>"),
        ("$5 and $6, \\[brackets\\]", "<p>$5 and $6, [brackets]</p>"),
        ("$BIN/$NAME and ${A}_${B}", "<p>$BIN/$NAME and ${A}_${B}</p>"),
        ("$5_a or \\$b", "<p>$5_a or $b</p>"),
        ("$5/month, $60/year or US$", "<p>$5/month, $60/year or US$</p>"),
        ("$5/mo and 6 US$ or A$7=B$", "<p>$5/mo and 6 US$ or A$7=B$</p>"),
        ("价格$5/月,共US$", "<p>价格$5/月,共US$</p>"),
        ("use \\[a-z\\] or \\[1\\]", "<p>use [a-z] or [1]</p>"),
        ("(http://x.test/a_(b))", '<p>(<a href="http://x.test/a_(b)">http://x.test/a_(b)</a>)</p>'),
        ("(http://x.test/(b).) c", '<p>(<a href="http://x.test/(b)">http://x.test/(b)</a>.) c</p>'),
        ("[![a](http://x.test)](http://y.test)", '<p><a href="http://y.test">a</a></p>'),
        ("[a <http://x.test> b](http://y.test)", '<p><a href="http://y.test">a http://x.test b</a></p>'),
    ],
)
def test_marks_become_elements(markdown: str, shown: str) -> None:
    assert html(markdown) == shown


@pytest.mark.parametrize(
    ("markdown", "code"),
    [
        ("```py\nx\n```", "x"),
        ("````md\n```sh\nx\n```\n````", "```sh\nx\n```"),
        ("~~~ a`b\nx\n~~~", "x"),
        ("```\nx\n    ```\ny\n```", "x\n    ```\ny"),
        ("1. item\n\n   ```sh\n   x\n   ```", "itemshx"),
        ("```\nx\n``` y", "x\n``` y"),
        ("    x = 1\n    y = 2", "x = 1\ny = 2"),
        ("```python\nprint('<b>&amp;')  # no\n```", "print('<b>&amp;')  # no"),
        ("```console\n$ ls\nx\n```", "$ ls\nx"),
        ("```py\n\ufeffx\n```", "\ufeffx"),
    ],
)
def test_code_is_shown_as_it_was_written(markdown: str, code: str) -> None:
    text = read(rendered(markdown))
    assert text.replace("\n", "").endswith(code.replace("\n", ""))


def test_code_is_highlighted_once_it_is_whole() -> None:
    growing = rendered("```python\nreturn 1", growing=True)
    assert "<span class=" not in growing.blocks[0]
    assert '<span class="k">return</span>' in rendered("```python\nreturn 1\n```").blocks[0]
    assert "<span class=" not in rendered("```no-such-language\nreturn 1\n```").blocks[0]


@pytest.mark.parametrize(
    ("markdown", "parts"),
    [
        (
            "\\( x = \\frac{a}{b} \\)",
            ['display="inline"', "<mfrac><mrow><mi>a</mi></mrow><mrow><mi>b</mi></mrow></mfrac>"],
        ),
        ("\\[\n\\int_0^1 x\\,dx\n\\]", ['<div class="math"', 'display="block"', "∫"]),
        ("so $$x^2$$ it is", ["<msup>"]),
        ("so \\[x^2\\] it is", ["<msup>"]),
        ("价格$5,共$x=2$", ["价格$5,共<math", "<mo>=</mo><mn>2</mn>"]),
        (
            "共$y$个, $2xy + 3$, $2 \\text{ apples}$, $2sin(x) = 1 + cos y$",
            ["共<math", "个, <math", "<mn>3</mn>", "apples</mtext>", "<mi>y</mi>"],
        ),
        ("Then\n\\begin{align}\na &= b \\\\\nc &= d\n\\end{align}.\nend", ["</mtr><mtr>", "<p>end</p>"]),
        ("\\begin{equation*} x = 1 \\end{equation*}", ['<div class="math"', "<mo>=</mo><mn>1</mn>"]),
        ("\\begin{multline}\na \\\\ + b\n\\end{multline}", ["</mtr><mtr>"]),
        ("$$\na\n- b\n$$", ['display="block"', "<mo>−</mo>"]),
        ("\\( \\frac{ x_{ \\)", ["<code>\\frac{ x_{</code>"]),
        ("$$\n\\begin{aligned}\na &= b \\\\\nc &= d\n\\end{aligned}\n$$", ["</mtd></mtr><mtr><mtd"]),
        ("\\[\\begin{gathered} a \\\\ b \\end{gathered}\\]", ["</mtd></mtr><mtr><mtd"]),
    ],
)
def test_formulas_are_readable(markdown: str, parts: list[str]) -> None:
    shown = html(markdown)
    for part in parts:
        assert part in shown, shown


@pytest.mark.parametrize(
    "latex",
    [
        "\\text{<script>alert(1)</script>}",
        "\\href{javascript:alert(1)}{x^2}",
        "\\style{color:red}{x=1}",
        "\\text{&lt;img src=x onerror=alert(1)&gt;}",
        "\\class{x' onclick='y}{z=1}",
    ],
)
def test_nothing_in_a_formula_runs(latex: str) -> None:
    read(rendered(f"\\( {latex} \\)\n\n$$\n{latex}\n$$"))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*"<>&\"'`*_[]()|\\$~#-", "\n", "\n\n", "a", "<script>", "](javascript:", "http://", "&lt;"]
        )
    ).map("".join)
)
def test_nothing_in_any_text_runs(text: str) -> None:
    read(rendered(text))
    read(rendered(text, growing=True))


def test_no_cut_of_an_answer_looks_broken_and_it_comes_to_the_same() -> None:
    """Every prefix of the sample, as it is seen while it grows: no mark that opens something is left standing."""
    sample = MARKDOWN[: MARKDOWN.index("<img")]
    before: Rendering | None = None
    for end in range(len(sample) + 1):
        before = rendered(sample[:end], growing=True, before=before)
        shown = read(before)
        for mark in ("**", "~~", "```", "|--", "](https"):
            assert mark not in shown, (sample[:end][-40:], shown[-60:])
        assert before.blocks == rendered(sample[:end], growing=True).blocks
    assert before is not None
    assert before.blocks == rendered(sample).blocks


@pytest.mark.parametrize(
    "text",
    [
        "1. a\n\n2. b\n\n3. c\n",
        "Name | Age\n--- | ---\nAnn | 5\nBob | 6\n",
        "1. one:\n**bold** words\n2. two\n",
        "- a\n\n- b\n\n  c\n\nd\n",
    ],
)
def test_a_line_that_has_just_begun_may_go_on_the_block_before_it(text: str) -> None:
    before: Rendering | None = None
    for end in range(len(text) + 1):
        before = rendered(text[:end], growing=True, before=before)
        assert before.blocks == rendered(text[:end], growing=True).blocks, text[:end]
    assert before is not None
    assert before.blocks == rendered(text).blocks


def test_the_same_text_is_rendered_once() -> None:
    before = rendered("It was **going", growing=True)
    assert rendered("It was **going", growing=True, before=before) is before


def test_an_answer_that_broke_off_is_shown_as_it_stands() -> None:
    assert rendered("It was **going", growing=True).blocks == ("<p>It was <strong>going</strong></p>",)


@pytest.mark.parametrize(
    ("unit", "language"), [("\n ", "python"), ("\n ", "c"), ("a ", "java"), ("-", "ada"), ("((", "ng2")]
)
def test_code_that_takes_long_to_highlight_is_shown_as_it_is(unit: str, language: str) -> None:
    code = (unit * 10_000)[:9_900]
    began = time.process_time()
    assert highlighted(code, language) == escape(code)
    assert time.process_time() - began < 1


def test_short_rows_under_many_columns_do_not_become_more_cells_than_can_be_shown() -> None:
    columns, rows = 70, 1_250
    head = "|" + "a|" * columns + "\n|" + "-|" * columns + "\n"
    assert rendered(head + "|\n" * rows).blocks[0].count("<td") < 2_000
    assert rendered(head + ("|" + "b|" * columns + "\n") * 100).blocks[0].count("<td") == 100 * columns


@pytest.mark.parametrize("growing", [False, True])
def test_four_times_the_text_takes_about_four_times_as_long_whatever_its_shape(growing: bool) -> None:
    slow = {}
    for name, shape in SHAPES.items():
        short, long = shape(5_000), shape(20_000)
        if (spent := spent_s(long, growing)) > 0.1 and spent > 10 * max(0.01, spent_s(short, growing)):
            spent = min(spent_s(long, growing) for _ in range(2))
            if spent > 10 * max(0.01, spent_s(short, growing)):
                slow[name] = spent
    assert slow == {}


def spent_s(text: str, growing: bool) -> float:
    for remembers in (tail, _remembered_leaves, inline, made_of._blocks, made_of.highlighted, made_of.math):
        remembers.cache_clear()
    began = time.process_time()
    rendered(text, growing=growing)
    return time.process_time() - began


def test_a_longer_answer_does_not_make_its_next_words_dearer() -> None:
    block = (
        "Some **bold** text with a [link](http://x.test).\n\n- item one\n- item `two`\n\n```py\nx = 1\n```\n\n"
    )

    def spent(length: int) -> float:
        text = (block * (length // len(block) + 1))[:length]
        before = rendered(text, growing=True)
        began = time.process_time()
        for number in range(200):
            before = rendered(text + " word" * number, growing=True, before=before)
        return time.process_time() - began

    assert spent(20_000) < 3 * spent(2_000)


def test_a_link_to_a_thread_of_the_page_stays_on_it_and_no_other_path_is_a_link() -> None:
    assert rendered("[a thread](/#abcdefgh2345)").blocks == ('<p><a href="/#abcdefgh2345">a thread</a></p>',)
    for target in ("#abcdefgh2345", "/api/threads", "//x.test", "/#a/b", "javascript:x"):
        assert "<a" not in "".join(rendered(f"[a thread]({target})").blocks)
