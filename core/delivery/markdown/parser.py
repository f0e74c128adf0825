"""Markdown as CommonMark reads it, with places in the source. Pure, and linear in the length of the text.

markdown-it-py finds blocks by lines and keeps no places inside a line; `Inline` records them.
https://spec.commonmark.org/0.31.2/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any, Literal, NamedTuple

from markdown_it import MarkdownIt, rules_block, rules_inline
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline, link_pairs
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token

Range = tuple[int, int]

LONGEST_LEAF = 10_000
"""Characters. In a longer paragraph or table row the marks are plain text."""

_OPEN_LABELS = 50
"""The most unclosed labels in a paragraph. With more, its marks are plain text, since the search for each goes
to the end."""
_DEEPEST = 20
"""Maximum nesting of quotes, lists and marks; deeper ones are plain text."""
_MATH_MAX = 2_000
"""Characters of a formula."""
_MATH_LINES = 40
_REMEMBERED_MAX = 10_000
"""Characters of a text whose leaves are kept. A longer one has up to a kilobyte of tokens a line."""
_MISSING_CELLS = 1_000
"""The most missing cells in a table. The rows behind them are no rows: each would be as wide as the head."""
_CHINESE = "\u2e80"
"""Chinese and Japanese characters and their punctuation come from here on."""
_SIGNS = ("\\", "`", "*", "_", "~", "[", "<", "$", "&", "://", "mailto:")
"""One of them is in every span and mark."""
_BLOCK_SIGNS = ("|", ">", "#")
_BLOCK_LINE = re.compile(r"\n[ \t+\-=\d]")
_OPERATOR = re.compile(r"[\\^_={}+*/<>|]")
_SYMBOL = re.compile(r"\s?\S{1,3}\s?")
_PRICE = re.compile(rf"\d[^\\^_={{}}+*<>]*?(?:[ /][A-Za-z]{{3}}|[{_CHINESE}-\U0010ffff])")
"""A number and a word, without an operator between them."""
_LETTER = re.compile(r"[0-9A-Za-z]")
_MATH_MARKS = (("\\[", "\\]"), ("\\(", "\\)"), ("$$", "$$"), ("$", "$"))
_SAFE = re.compile(r"https?://|mailto:", re.IGNORECASE)
_ON_PAGE = re.compile(r"/#[\w-]{1,64}")
_BREAK = re.compile(r"<br ?/?>", re.IGNORECASE)
_SCHEME = re.compile(r"(?<!\w)(?:https?|mailto)\Z", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:://|(?<=mailto):)[^\s<>\"'`|，。；：！？、）】》」]{1,2000}")
_AFTER_ADDRESS = ".,;:!?*_~"
_ITEM = re.compile(r"[^>\s]")
_RECORDED = {
    "escape": rules_inline.escape,
    "backticks": rules_inline.backtick,
    "link": rules_inline.link,
    "image": rules_inline.image,
    "autolink": rules_inline.autolink,
    "entity": rules_inline.entity,
}
_OPENS_MATH = re.compile(r"\\\[|\$\$|\\begin\{((?:align|equation|gather|multline)\*?)\}")
_CLOSES_MATH = {"\\[": "\\]", "$$": "$$"}


class Span(NamedTuple):
    """`source[start:end]` is one thing, of a kind that is the name of a rule: link, image, backticks, math, ..."""

    kind: str
    start: int
    end: int


class Mark(NamedTuple):
    """An emphasis or deletion mark at `at`, which may open (`opens`) or close (`closes`)."""

    text: str
    at: int
    opens: bool
    closes: bool
    paired: bool


@dataclass(frozen=True, slots=True)
class Inline:
    """The inline content of a line: spans in order of their ends, and marks in order of position."""

    spans: tuple[Span, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Leaf:
    """A block without blocks in it: the whole lines `source[start:end]`.

    `kind` is the type of its token: inline (a paragraph or heading), fence, code_block, math_block, table or hr.
    `quotes` and `lists` are how many of them it is in.
    """

    kind: str
    start: int
    end: int
    token: Token
    quotes: int = 0
    lists: int = 0


class _State(StateInline):
    """Remembers where each token begins. Emphasis may begin and end beside Chinese punctuation, as in `**中：**文`,
    where CommonMark has none: https://talk.commonmark.org/t/emphasis-and-east-asian-text/2491"""

    def __init__(self, src: str, md: MarkdownIt, env: Any, tokens: list[Token]) -> None:
        super().__init__(src, md, env, tokens)
        self.spans: list[Span] = []
        self.places: dict[int, int] = {}

    def push(self, ttype: str, tag: str, nesting: Literal[-1, 0, 1]) -> Token:
        token = super().push(ttype, tag, nesting)
        self.places[len(self.tokens) - 1] = self.pos
        return token

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803
        scanned = super().scanDelims(start, canSplitWord)
        before = self.src[start - 1 : start] or " "
        after = self.src[start + scanned.length : start + scanned.length + 1] or " "
        if canSplitWord and max(before, after) >= _CHINESE:
            return Scanned(not after.isspace(), not before.isspace(), scanned.length)
        return scanned


class _Parser(ParserInline):
    def parse(self, src: str, md: MarkdownIt, env: Any, tokens: list[Token]) -> list[Token]:
        if _is_plain(src):
            tokens.append(Token("text", "", 0, content=src))
            return tokens
        state = _State(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


_Rule = Callable[[StateInline, bool], bool]


def _recorded(kind: str, rule: _Rule) -> _Rule:
    def record(state: StateInline, silent: bool) -> bool:
        start = state.pos
        found = rule(state, silent)
        if found and not silent and isinstance(state, _State):
            state.spans.append(Span(kind, start, state.pos))
        return found

    return record


def _math(state: StateInline, silent: bool) -> bool:
    """A formula as models write it: `\\(x\\)`, `\\[x\\]`, `$$x$$` or `$x$`. Prices and escaped brackets are none."""
    start = state.pos
    for opens, closes in _MATH_MARKS:
        if state.src.startswith(opens, start):
            if opens == "$" and _LETTER.match(state.src[start - 1 : start]):
                return False
            begin = start + len(opens)
            end = state.src.find(closes, begin, min(state.posMax, begin + _MATH_MAX))
            if end < 0 or not _is_formula(state.src[begin:end], opens, state.src[end + 1 : end + 2]):
                return False
            if not silent:
                token = state.push("math_inline" if opens in ("\\(", "$") else "math_display", "math", 0)
                token.content = state.src[begin:end].strip()
            state.pos = end + len(closes)
            return True
    return False


def _is_formula(content: str, opens: str, after: str) -> bool:
    """True if `content` between marks is a formula. `after`: the character behind the closing mark.

    Square brackets in a line may be escaped ones, as in `\\[a-z\\]`: there a formula has an operator or a command. A
    dollar sign closes nothing behind a blank or before a letter: https://pandoc.org/MANUAL.html#math"""
    symbol = opens != "\\[" and _SYMBOL.fullmatch(content)
    if not content.strip() or not (symbol or _OPERATOR.search(content)):
        return False
    if opens != "$":
        return True
    tight = "\n" not in content and not content[0].isspace() and not content[-1].isspace()
    # as `BIN/` in `$BIN/$NAME`, or before an escaped mark
    cut = len(content) > 1 and content[-1] in "/_\\"
    return tight and not cut and not _LETTER.match(after) and not _PRICE.match(content)


def _table(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """A table ends at a line without a bar."""
    end = min(first + 2, last)
    if not rules_block.table(state, first, end, True):
        return False
    columns = state.src.count("|", state.bMarks[first], state.eMarks[first])
    missing = 0
    while end < last and missing <= _MISSING_CELLS:
        bars = state.src.count("|", state.bMarks[end], state.eMarks[end])
        if not bars:
            break
        missing += max(0, columns - bars)
        end += 1
    return rules_block.table(state, first, end, silent)


def _math_block(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """A formula of whole lines, which may look like lists or headings. An environment of TeX needs no other marks."""
    begin = state.bMarks[first] + state.tShift[first]
    if state.is_code_block(first) or not (opens := _OPENS_MATH.match(state.src, begin)):
        return False
    closes = _CLOSES_MATH.get(opens[0]) or f"\\end{{{opens[1]}}}"
    end = state.src.find(closes, opens.end(), min(opens.end() + _MATH_MAX, state.eMarks[last - 1]))
    line = first
    while end >= 0 and state.eMarks[line] < end:
        line += 1
        if line >= last or line - first > _MATH_LINES or state.sCount[line] < state.blkIndent:
            return False
    if end < 0 or state.src[end + len(closes) : state.eMarks[line]].strip(" .,;"):
        return False
    if not silent:
        token = state.push("math_block", "math", 0)
        content = state.getLines(first, line + 1, state.blkIndent, False).strip().rstrip(" .,;")
        token.content = content if opens[1] else content[len(opens[0]) : -len(closes)].strip()
        token.map = [first, line + 1]
        state.line = line + 1
    return True


def _break(state: StateInline, silent: bool) -> bool:
    """`<br>`, the one tag that models write."""
    found = _BREAK.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        state.push("hardbreak", "br", 0)
    state.pos = found.end()
    return True


def _address(state: StateInline, silent: bool) -> bool:
    """A bare address: https://github.github.com/gfm/#autolinks-extension-"""
    if state.src[state.pos] != ":" or state.linkLevel or not (scheme := _SCHEME.search(state.pending)):
        return False
    found = _ADDRESS.match(state.src, state.pos, state.posMax)
    rest = found[0].rstrip(_AFTER_ADDRESS) if found else ""
    for _ in range(rest.count(")") - rest.count("(")):
        rest = rest.removesuffix(")").rstrip(_AFTER_ADDRESS)
    if not rest.strip(":/"):
        return False
    if not silent:
        state.pending = state.pending[: scheme.start()]
        state.push("link_open", "a", 1).attrs = {"href": scheme[0] + rest}
        state.push("text", "", 0).content = scheme[0] + rest
        state.push("link_close", "a", -1)
        if isinstance(state, _State):
            state.spans.append(Span("address", state.pos - len(scheme[0]), state.pos + len(rest)))
    state.pos += len(rest)
    return True


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802
        """A link with a refused target stays text."""
        return _SAFE.match(url) is not None


class _PageMarkdown(_Markdown):
    def validateLink(self, url: str) -> bool:  # noqa: N802
        """A link may lead to a thread of the page."""
        return _ON_PAGE.fullmatch(url) is not None or super().validateLink(url)


def _made(markdown: type[_Markdown] = _Markdown) -> MarkdownIt:
    made = markdown("commonmark", {"html": False, "maxNesting": _DEEPEST})
    made.inline = _Parser()
    made.enable(["table", "strikethrough"]).disable(["html_block", "html_inline", "linkify"])
    stops = ["paragraph", "reference", "blockquote", "list"]
    made.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    made.block.ruler.before("fence", "math", _math_block, {"alt": stops})
    rules = made.inline.ruler
    for kind, rule in _RECORDED.items():
        rules.at(kind, _recorded(kind, rule))
    rules.before("escape", "math", _recorded("math", _math))
    rules.before("autolink", "break", _recorded("break", _break))
    rules.before("newline", "address", _address)
    for ruler in (made.core.ruler, made.block.ruler, rules, made.inline.ruler2):
        ruler.getRules("")  # compiles the rules here: another thread would see them half compiled
    return made


PARSER = _made()
PAGE_PARSER = _made(_PageMarkdown)


def _is_plain(source: str) -> bool:
    """True if the marks in `source` are not read, because that would take too long."""
    return len(source) > LONGEST_LEAF or source.count("[") > source.count("]") + _OPEN_LABELS


def is_prose(source: str) -> bool:
    """True if `source` certainly consists of paragraphs without spans and marks: a quick check that avoids parsing."""
    return not (_has_one(source, _SIGNS) or _has_one(source, _BLOCK_SIGNS) or _BLOCK_LINE.search("\n" + source))


def _has_one(source: str, signs: tuple[str, ...]) -> bool:
    return any(sign in source for sign in signs)


@lru_cache(maxsize=64)
def inline(source: str) -> Inline:
    """Spans and marks of one paragraph, heading or table row of the source."""
    if _is_plain(source) or not _has_one(source, _SIGNS):
        return Inline()
    state = _State(source, PARSER, {}, [])
    PARSER.inline.tokenize(state)
    link_pairs(state)
    return Inline(tuple(state.spans), tuple(_marks(state)))


def _marks(state: _State) -> Iterator[Mark]:
    """Each mark outside of links."""
    closers = {one.end for one in state.delimiters if one.end >= 0}
    run = at = -1
    for number, one in enumerate(state.delimiters):
        text = "~~" if one.marker == ord("~") else chr(one.marker)
        at = at + len(text) if state.places[one.token] == run else state.places[one.token]
        run = state.places[one.token]
        yield Mark(text, at, one.open, one.close, one.end >= 0 or number in closers)


def leaves(source: str) -> tuple[int, tuple[Leaf, ...]]:
    """(where the last top-level block begins, the leaves of all blocks in order)."""
    return _remembered_leaves(source) if len(source) <= _REMEMBERED_MAX else _leaves(source)


@lru_cache(maxsize=16)
def _remembered_leaves(source: str) -> tuple[int, tuple[Leaf, ...]]:
    return _leaves(source)


def _leaves(source: str) -> tuple[int, tuple[Leaf, ...]]:
    tokens: list[Token] = []
    PARSER.block.parse(source, PARSER, {}, tokens)
    lines = [0, *accumulate(len(line) + 1 for line in source.split("\n"))]
    found: list[Leaf] = []
    last = quotes = lists = 0
    in_table = False
    for token in tokens:
        if token.level == 0 and token.map:
            last = lines[token.map[0]]
        quotes += token.nesting if token.type.startswith("blockquote_") else 0
        lists += token.nesting if token.type.startswith("list_item_") else 0
        if token.type in ("table_open", "table_close"):
            in_table = token.nesting > 0
        if token.map and (token.type == "table_open" or (token.nesting == 0 and not in_table)):
            begin, end = token.map
            kind = token.type.removesuffix("_open")
            found.append(Leaf(kind, lines[begin], min(lines[end], len(source)), token, quotes, lists))
    return last, tuple(found)


def lead(line: str) -> str:
    """The prefix of a line that continues the block in which `line` begins: quote marks, and spaces for list marks."""
    return _ITEM.sub(" ", line.expandtabs(4))


def is_closed(fence: Token) -> bool:
    """True if a fenced block has its closing line."""
    assert fence.map is not None
    lines = fence.content.count("\n") + (not fence.content.endswith("\n") and bool(fence.content))
    return lines < fence.map[1] - fence.map[0] - 1
