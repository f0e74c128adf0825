"""Workbooks: what their cells show, a row a line."""

import pytest

from core.files import archive
from core.files.documents import CUT
from core.files.excerpt import LONGEST
from core.files.workbook import MOST_COLUMNS, MOST_SHEETS, _Cell, read
from core.ports.files import FileError
from core.values.parts import FileProblem
from tests.core.files.made import xlsx

CODES = ("dd.mm.yyyy hh:mm", "#,##0.00 &quot;days&quot;", "[Red]0.00")
FORMATS = "".join(
    f'<numFmt numFmtId="{number}" formatCode="{code}"/>' for number, code in enumerate(CODES, 164)
)
CELLS = "".join(f'<xf numFmtId="{number}"/>' for number in (0, 14, 164, 165, 166))
STYLES = (
    f'<numFmts>{FORMATS}</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs>{CELLS}</cellXfs>'
)


def row(*cells: str) -> str:
    return f"<row>{''.join(cells)}</row>"


def cell(value: object, **attributes: str) -> str:
    given = "".join(f' {name}="{text}"' for name, text in attributes.items())
    return f"<c{given}><v>{value}</v></c>"


def text(*rows: str, **more: str) -> str:
    shown = read(xlsx({"S": "".join(rows)}, ("Name", "Käse &amp; Co"), STYLES, **more)).text
    assert shown.startswith("[sheet S]\n")
    return shown.removeprefix("[sheet S]\n")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (cell(0, t="s"), "Name"),
        (cell(1, t="s"), "Käse & Co"),
        (cell(42), "42"),
        (cell("0.30000000000000004"), "0.3"),
        (cell("1E3"), "1000"),
        (cell("-1.5"), "-1.5"),
        (cell(1, t="b"), "TRUE"),
        (cell(0, t="b"), "FALSE"),
        (cell("#DIV/0!", t="e"), "#DIV/0!"),
        (cell("made", t="str"), "made"),
        ('<c t="inlineStr"><is><r><t>two </t></r><r><t>runs</t></r></is></c>', "two runs"),
        ("<c><f>SUM(A1:A2)</f><v>3</v></c>", "3"),
        ("<c><f>SUM(A1:A2)</f></c>", "=SUM(A1:A2)"),
        (cell(45_992, s="1"), "2025-12-01"),
        (cell(45_992.75, s="2"), "2025-12-01 18:00:00"),
        (cell(0.5, s="2"), "12:00:00"),
        (cell(45_992, s="3"), "45992"),
        (cell(45_992, s="4"), "45992"),
        (cell(1e300, s="1"), "1e+300"),
        (cell("2025-12-01T10:00:00", t="d"), "2025-12-01T10:00:00"),
        (cell("not a number"), "not a number"),
        (cell("", t="s") + cell(7), " | 7"),
        (cell("-1", t="s"), "[...]"),
        (cell("9" * 5_000, t="s"), "[...]"),
        (cell(7, s="bold"), "7"),
        (cell(7, s="-1"), "7"),
    ],
)
def test_a_cell_shows_its_value(given: str, shown: str) -> None:
    assert text(row(given)) == shown


def test_cells_stand_at_their_columns() -> None:
    assert text(row(cell(1, r="B1"), cell(2, r="E1")), row(), row(cell(3), cell(4))) == " | 1 |  |  | 2\n3 | 4"


def test_workbooks_of_old_macs_count_from_1904() -> None:
    assert text(row(cell(0, s="1")), properties='date1904="1"') == "1904-01-01"


def test_sheets_have_their_names_and_empty_ones_are_left_out() -> None:
    data = xlsx({"Plan": row(cell(1)), "Empty": "", "实际": row(cell(2))})
    assert read(data).text == "[sheet Plan]\n1\n[sheet 实际]\n2"


def test_a_short_sheet_is_whole_beside_long_ones() -> None:
    long = "".join(row(cell(number)) for number in range(5_000))
    shown = read(xlsx({"Long": long, "Short": row(cell("12345")), "Last": long})).text
    assert len(shown.encode()) <= LONGEST
    assert len(shown) > LONGEST * 0.9
    assert "\n[sheet Short]\n12345\n[sheet Last]\n0\n" in shown
    assert shown.count("characters left out") == 2
    assert shown.endswith("\n4999")


def test_a_workbook_of_many_rows_is_read_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_UNPACKED", 300_000)
    rows = "".join(row(cell(number), cell(number * 7_919 % 1_000_003)) for number in range(20_000))
    shown = read(xlsx({"S": rows})).text
    assert shown.startswith("[sheet S]\n0 | 0\n1 | 7919\n")
    assert shown.endswith(CUT)
    assert len(shown.encode()) <= LONGEST


def test_a_long_sheet_leaves_something_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_UNPACKED", 100_000)
    long = "".join(row(cell(number)) for number in range(5_000))
    shown = read(xlsx({"A": long, "B": long, "C": row(cell(7))})).text
    assert shown.count(CUT) == 2
    assert "\n[sheet B]\n0\n1\n" in shown
    assert shown.endswith("\n[sheet C]\n7")


def test_texts_past_the_limit_are_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_UNPACKED", 20_000)
    texts = [f"text {number}" for number in range(2_000)]
    shown = read(xlsx({"S": row(cell(0, t="s"), cell(1_999, t="s"))}, texts)).text
    assert shown == "[sheet S]\ntext 0 | [...]"


def test_texts_that_many_cells_share_do_not_add_up() -> None:
    rows = row(*[cell(0, t="s")] * 100) * 200
    shown = read(xlsx({"S": rows}, ["x" * 32_767])).text
    assert len(shown.encode()) <= LONGEST


def test_cells_far_to_the_right_are_left_out_in_words() -> None:
    shown = text(row(cell(1), cell(2, r="XFD1")))
    assert shown == "1 | [... more cells left out ...]"
    assert len(text(row(*[cell(1)] * (MOST_COLUMNS + 5))).split(" | ")) == MOST_COLUMNS + 1


def test_sheets_past_the_limit_are_counted() -> None:
    shown = read(xlsx({f"S{number}": row(cell(number)) for number in range(MOST_SHEETS + 3)})).text
    assert shown.endswith(f"\n{MOST_SHEETS - 1}\n[... 3 more sheets left out ...]")


def test_a_workbook_without_values_is_empty() -> None:
    with pytest.raises(FileError) as raised:
        read(xlsx({"A": "", "B": row()}))
    assert raised.value.problem is FileProblem.EMPTY


@pytest.mark.parametrize("part", ["v", "t", "f"])
def test_a_part_of_a_cell_that_is_repeated_without_end_is_cut_while_it_is_read(part: str) -> None:
    cell = _Cell({"t": "str"})
    for _ in range(5_000):
        cell.part = part
        cell.add("a")
        cell.part = ""
    assert len(cell.value + cell.inline + cell.formula) == 1_000
