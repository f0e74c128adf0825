"""Documents and slides of office programs: their words, and no more."""

import pytest

from core.files import archive
from core.files.documents import CUT, read_document, read_slides
from core.files.excerpt import LONGEST
from core.ports.files import FileError
from core.values.parts import FileProblem
from tests.core.files.made import MAIN, docx, paragraph, pptx, zipped


def text(body: str, **others: str) -> str:
    return read_document(docx(body, **others)).text


def problem_of(data: bytes) -> FileProblem:
    with pytest.raises(FileError) as raised:
        read_document(data)
    return raised.value.problem


def test_paragraphs_are_lines() -> None:
    body = paragraph("Grüße") + paragraph(" ") + "<w:p/>" + paragraph("会议 &amp; more")
    assert text(body) == "Grüße\n会议 & more"


def test_runs_tabs_and_breaks_are_one_paragraph() -> None:
    body = (
        "<w:p><w:pPr><w:tabs><w:tab/></w:tabs></w:pPr>"
        "<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/></w:r><w:r><w:t>c</w:t></w:r></w:p>"
    )
    assert text(body) == "a\tb\nc"


def test_list_items_are_marked() -> None:
    item = "<w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>{}</w:t></w:r></w:p>"
    assert text(item.format("one") + item.format("two") + paragraph("after")) == "- one\n- two\nafter"


def test_rows_of_tables_are_lines_with_bars() -> None:
    def row(*cells: str) -> str:
        return "<w:tr>" + "".join(f"<w:tc><w:tcPr/>{cell}</w:tc>" for cell in cells) + "</w:tr>"

    inner = f"<w:tbl>{row(paragraph('x'), paragraph('y'))}</w:tbl>"
    table = row(paragraph("Name"), paragraph("Age")) + row(paragraph("Ada") + paragraph("L."), paragraph("36"))
    assert text(f"<w:tbl>{table}</w:tbl>") == "Name | Age\nAda L. | 36"
    assert (
        text(f"<w:tbl>{row(inner, paragraph(''), paragraph('z'))}</w:tbl>{paragraph('end')}")
        == "x | y |  | z\nend"
    )


def test_deleted_words_codes_and_second_forms_are_left_out() -> None:
    body = (
        "<w:p><w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:ins><w:r><w:t>new</w:t></w:r></w:ins>"
        "<w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom><w:r><w:instrText>PAGE</w:instrText></w:r>"
        '<mc:AlternateContent xmlns:mc="m"><mc:Choice><w:r><w:t> box</w:t></w:r></mc:Choice>'
        "<mc:Fallback><w:r><w:t> box</w:t></w:r></mc:Fallback></mc:AlternateContent></w:p>"
    )
    assert text(body) == "new box"


def test_a_picture_is_named_by_its_description() -> None:
    body = (
        '<w:p><w:r><w:drawing><wp:docPr xmlns:wp="p" id="1" name="x" descr="a chart"/></w:drawing></w:r></w:p>'
    )
    assert text(body) == "[picture: a chart]"


def test_notes_and_comments_follow() -> None:
    notes = f"<w:footnotes {MAIN}><w:footnote>{paragraph('see there')}</w:footnote></w:footnotes>"
    comments = f"<w:comments {MAIN}><w:comment>{paragraph('why?')}</w:comment></w:comments>"
    shown = text(paragraph("words"), footnotes=notes, comments=comments)
    assert shown == "words\n[footnotes]\nsee there\n[comments]\nwhy?"


def test_a_document_whose_main_part_has_another_name_is_read() -> None:
    other = f"<w:document {MAIN}>{paragraph('words')}</w:document>"
    assert read_document(zipped({"word/document2.xml": other})).text == "words"


def test_a_long_document_is_cut() -> None:
    shown = text("".join(paragraph(f"line {number}") for number in range(20_000)))
    assert len(shown.encode()) <= LONGEST
    assert shown.startswith("line 0\nline 1\n")
    assert shown.endswith("\nline 19999")


def test_a_document_past_the_limit_is_read_up_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_UNPACKED", 200_000)
    shown = text("".join(paragraph(f"{number * 7_919}") for number in range(10_000)))
    assert shown.endswith(f"\n{CUT}")


@pytest.mark.parametrize("body", ["", "<w:p/>", paragraph("  ")])
def test_a_document_without_words_is_empty(body: str) -> None:
    assert problem_of(docx(body)) is FileProblem.EMPTY


ENTITIES = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("declared", [ENTITIES, OUTSIDE])
def test_entities_are_refused(declared: str) -> None:
    data = zipped({"word/document.xml": f"{declared}<a>&a;</a>"})
    assert problem_of(data) is FileProblem.BOMB


def test_what_unpacks_to_far_more_is_refused() -> None:
    assert problem_of(docx(paragraph(" " * 30_000_000))) is FileProblem.BOMB


def test_elements_nested_too_deeply_are_refused() -> None:
    assert text("<w:p>" * 500 + paragraph("deep") + "</w:p>" * 500) == "deep"
    assert problem_of(docx("<w:p>" * 1_000 + paragraph("deep") + "</w:p>" * 1_000)) is FileProblem.DAMAGED


def test_elements_of_names_without_end_are_refused() -> None:
    assert problem_of(docx("".join(f"<n{number}/>" for number in range(6_000)))) is FileProblem.DAMAGED


def test_too_many_members_are_refused() -> None:
    assert problem_of(docx("", **{f"x{number}": "" for number in range(5_001)})) is FileProblem.BOMB


def test_a_member_behind_a_password_is_said() -> None:
    data = bytearray(docx(paragraph("x")))
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    assert problem_of(bytes(data)) is FileProblem.ENCRYPTED


@pytest.mark.parametrize("size", [10, 4_000_000_000])
def test_a_size_that_lies_is_no_way_past_the_limit(size: int) -> None:
    data = bytearray(docx(paragraph("x" * 3_000)))
    at = data.rfind(b"PK\x01\x02") + 24
    data[at : at + 4] = size.to_bytes(4, "little")
    with pytest.raises(Exception, match=r"Bad CRC|BOMB|bomb"):
        read_document(bytes(data))


def test_slides_are_read_in_the_order_in_which_they_are_shown() -> None:
    def words(text: str) -> str:
        return f"<a:p><a:r><a:t>{text}</a:t></a:r></a:p>"

    page = "<a:p><a:fld><a:t>1</a:t></a:fld></a:p>"
    table = f"<a:tbl><a:tr><a:tc>{words('a')}</a:tc><a:tc>{words('b')}</a:tc></a:tr></a:tbl>"
    data = pptx([words("second") + table, words("first") + page], [2, 1], {1: words("say this")})
    assert read_slides(data).text == "[slide 1]\nfirst\n[slide 2]\nsecond\na | b\n[notes of slide 2]\nsay this"


def test_a_slide_that_is_listed_without_end_is_read_once() -> None:
    data = pptx(["<a:p><a:r><a:t>words</a:t></a:r></a:p>"], [1] * 3)
    assert read_slides(data).text == "[slide 1]\nwords"
