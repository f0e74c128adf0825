"""Markdown as HTML for the page, one element a top-level block. Pure; the time is linear in the length of the text.

Nothing of the text becomes a tag: raw HTML stays text, links lead to http, https, mailto and threads of the page only,
pictures are links. Formulas become MathML, and code is highlighted by classes. The libraries for both take a while to
be imported, so that happens when the first formula or block of code is shown.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape, unescape
from typing import Any, TypeVar
from xml.etree.ElementTree import Element, tostring

from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from core.delivery.markdown.dialect import TASK, task_box
from core.delivery.markdown.growing import shown
from core.delivery.markdown.parser import PAGE_PARSER as PARSER
from core.delivery.markdown.parser import is_closed
from core.delivery.markdown.tail import tail

_Part = TypeVar("_Part")

_HIGHLIGHTED_MAX = 10_000
"""Characters of a block of code that is highlighted."""
_LANGUAGES = re.compile(
    "bash|batch|c|clojure|cmake|common-lisp|console|cpp|csharp|css|dart|diff|docker|elixir|erlang|fortran|fsharp|go"
    "|graphql|groovy|haskell|html|http|java|javascript|json|jsx|julia|kotlin|less|lua|make|markdown|mysql"
    "|nasm|nginx|nimrod|objective-c|ocaml|perl|php|postgresql|powershell|protobuf|pycon|python|restructuredtext|ruby"
    "|rust|scala|scss|splus|sql|swift|terraform|tex|toml|tsx|typescript|vim|xml|yaml|zig"
)
"""Languages by their first names in Pygments. Others have patterns that take seconds for a page of some
characters."""
_HIGHLIGHTED_S = 0.1
"""The longest processor time for a block, in seconds. Some patterns of Pygments look through the rest of the
text at every character."""
_LINE_END = re.compile(r"\r\n?")
_ENVIRONMENTS = {
    "aligned": "align*",
    "dcases": "cases",
    "equation": "",
    "equation*": "",
    "gather": "matrix",
    "gather*": "matrix",
    "gathered": "matrix",
    "multline": "matrix",
    "multline*": "matrix",
}
"""Environments of LaTeX that the library does not know, and those that it knows in their place."""
_ENVIRONMENT = re.compile(rf"\\(begin|end)\{{({'|'.join(map(re.escape, _ENVIRONMENTS))})\}}")
_MATH_ATTRIBUTES = frozenset(
    (
        "xmlns",
        "display",
        "stretchy",
        "fence",
        "form",
        "separator",
        "mathvariant",
        "linethickness",
        "columnalign",
    )
) | frozenset(
    ("displaystyle", "scriptlevel", "width", "lspace", "rspace", "accent", "movablelimits", "notation")
)
"""Attributes of MathML that are kept. None of them leads elsewhere or runs something."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """The blocks of a text as HTML. Those of `text[:upto]`, `settled` in number, don't change as the text grows."""

    text: str = ""
    blocks: tuple[str, ...] = ()
    settled: int = 0
    upto: int = 0


def rendered(text: str, *, growing: bool = False, before: Rendering | None = None) -> Rendering:
    """`text` in blocks. While it is `growing`, marks that are open at its end count as closed there, and half a link or
    row is not shown; only what is behind the settled blocks of `before`, an earlier rendering, is parsed."""
    text = _LINE_END.sub("\n", text)
    if not growing:
        return Rendering(text, _blocks(text), 0, 0)
    if before is not None and before.text == text:
        return before
    if before is None or not text.startswith(before.text[: before.upto]):
        before = Rendering()
    # less than a line may still belong to the block before it, as a row or an item
    upto = tail(text[: text.rfind("\n") + 1], before.upto).start
    settled = (*before.blocks[: before.settled], *_html(text[before.upto : upto]))
    keep, marks = shown(text, end=tail(text, upto), words=True)
    last = tuple(_html(text[upto : max(keep, upto)] + marks, open_=True))
    return Rendering(text, settled + last, len(settled), upto)


@lru_cache(maxsize=64)
def _blocks(text: str) -> tuple[str, ...]:
    return tuple(_html(text))


def _html(text: str, *, open_: bool = False) -> Iterator[str]:
    """`open_`: the last block of code may grow, and is not highlighted before it is closed."""
    env: dict[str, Any] = {}
    tokens = PARSER.parse(text, env)
    start = 0
    for at, token in enumerate(tokens):
        if token.type == "fence":
            token.meta["open"] = open_ and not is_closed(token)
        if token.level == 0 and token.nesting <= 0:
            yield _RENDERER.render(_with_tasks(tokens[start : at + 1]), PARSER.options, env).strip()
            start = at + 1


def _with_tasks(tokens: list[Token]) -> list[Token]:
    for item, opens, words in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if (item.type, opens.type) != ("list_item_open", "paragraph_open") or not words.children:
            continue
        first = words.children[0]
        if task := TASK.match(first.content):
            first.content = task_box(task) + first.content[task.end() :]
    return tokens


class _Renderer(RendererHTML):
    """Methods are named after types of tokens."""

    def heading_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        """The first heading is the page's own."""
        return f"<h{min(6, int(tokens[at].tag[1]) + 1)}>"

    def heading_close(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return f"</h{min(6, int(tokens[at].tag[1]) + 1)}>"

    def softbreak(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        """A line end is meant as one by most models."""
        return "<br>"

    def hardbreak(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return "<br>"

    def s_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return "<del>"

    def s_close(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return "</del>"

    def link_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        """A link inside a link is rendered as text: HTML does not nest links."""
        env["links"] = env.get("links", 0) + 1
        if env["links"] > 1:
            return ""
        target = str(tokens[at].attrs["href"])
        if target.startswith("/"):
            return f'<a href="{escape(target)}">'
        return f'<a href="{escape(target)}" target="_blank" rel="noopener noreferrer">'

    def link_close(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        env["links"] -= 1
        return "" if env["links"] else "</a>"

    def image(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        """A picture as a link or text: the page loads nothing from elsewhere."""
        target = escape(str(tokens[at].attrs["src"]))
        label = escape(self.renderInlineAsText(tokens[at].children, options, env)) or target
        if env.get("links"):
            return label
        return f'<a href="{target}" target="_blank" rel="noopener noreferrer">{label}</a>'

    def fence(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        token = tokens[at]
        name = (token.info.split() or [""])[0]
        code = token.content.removesuffix("\n")
        shown_code = escape(code) if token.meta.get("open") else highlighted(code, name)
        head = f"<div><span>{escape(name)}</span></div>"
        return f'<div class="code">{head}<pre tabindex="0"><code>{shown_code}</code></pre></div>'

    def code_block(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return self.fence(tokens, at, options, env)

    def table_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return '<div class="table" tabindex="0"><table>'

    def table_close(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return "</table></div>"

    def th_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        side = str(tokens[at].attrs.get("style", "")).removeprefix("text-align:")
        kind = {"center": ' class="centre"', "right": ' class="right"'}.get(side, "")
        return f"<{tokens[at].tag}{kind}>"

    td_open = th_open

    def math_inline(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return math(tokens[at].content)

    def math_block(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return f'<div class="math" tabindex="0">{math(tokens[at].content, display="block")}</div>'

    def math_display(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        return math(tokens[at].content, display="block")


_RENDERER = _Renderer()


@lru_cache(maxsize=256)
def highlighted(code: str, language: str) -> str:
    """`code` with the short class names of Pygments, or as it is where the language is not known, it takes too long or
    a character would be lost."""
    if not language or len(code) > _HIGHLIGHTED_MAX:
        return escape(code)
    from pygments import format as formatted
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
        if not _LANGUAGES.fullmatch(lexer.aliases[0]):
            return escape(code)
        lines = f"{code}\n"  # some languages are read by whole lines alone
        parts = list(_in_time(lexer.get_tokens(lines)))
    except (ClassNotFound, TimeoutError):
        return escape(code)
    if "".join(words for _, words in parts) != lines:
        return escape(code)
    return formatted(parts, HtmlFormatter(nowrap=True)).removesuffix("\n")


def _in_time(parts: Iterable[_Part]) -> Iterator[_Part]:
    ends = time.thread_time() + _HIGHLIGHTED_S
    for part in parts:
        yield part
        if time.thread_time() > ends:
            raise TimeoutError


@lru_cache(maxsize=256)
def math(latex: str, display: str = "inline") -> str:
    """A formula as MathML, or as code where it can't be read."""
    from latex2mathml.converter import Converter

    try:
        known = _ENVIRONMENT.sub(lambda found: _environment(found[1], found[2]), latex)
        formula = Converter(display=display).convert_to_element(known)
        _cleaned(formula)
        return tostring(formula, encoding="unicode")
    except Exception:  # the library raises errors of many types for text that is not LaTeX
        return f"<code>{escape(latex)}</code>"


def _environment(edge: str, name: str) -> str:
    return f"\\{edge}{{{_ENVIRONMENTS[name]}}}" if _ENVIRONMENTS[name] else ""


def _cleaned(formula: Element) -> None:
    """The library writes characters as entities. Its result is not trusted with tags and attributes."""
    for element in formula.iter():
        if not element.tag.startswith("m"):
            raise ValueError(element.tag)
        element.text = unescape(element.text or "")
        element.tail = unescape(element.tail or "")
        for name in set(element.attrib) - _MATH_ATTRIBUTES:
            del element.attrib[name]
