"""HTML from values."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from bots.operator.markup import Html, element, foreign, html

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;"


class Parsed(HTMLParser):
    """The elements and the text of a document, as a browser reads them."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.given: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.given += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_text_is_escaped_and_html_is_not_escaped_again() -> None:
    assert element("b", "<i>", element("u", "x & y")) == "<b>&lt;i&gt;<u>x &amp; y</u></b>"
    assert html(["a", None, [element("br")]], "<") == "a<br>&lt;"
    assert isinstance(html("a"), Html)


def test_attributes_have_the_names_of_html_and_false_ones_are_left_out() -> None:
    shown = element(
        "input", class_="a", aria_label='"x"', required=True, disabled=False, value=None, tabindex=0
    )
    assert shown == '<input class="a" aria-label="&quot;x&quot;" required tabindex="0">'


@given(st.text() | st.just(HOSTILE))
def test_no_text_becomes_an_element_or_leaves_its_attribute(text: str) -> None:
    parsed = Parsed(element("p", foreign(text), title=text))
    assert parsed.names == ["p", "bdi"]
    assert [name for name, _ in parsed.given] == ["title"]
