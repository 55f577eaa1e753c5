"""Names and titles that anybody may have written are shown as they are."""

import ast
import html
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pages.shared.text import literal
from tests.conftest import ROOT
from tests.helpers.app import read

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
SIGNS = st.text(string.punctuation + " aw1\n", max_size=30)


@given(SIGNS | st.text(st.characters(exclude_characters="\0\u2060", exclude_categories=["Cs"])))
@example("a_b*c*[d](e)![f](g)<b>`h`$i$~~j~~")
@example("# title\n- item\n1. item\n> quote\n---")
def test_a_name_is_one_paragraph_without_any_markup(text):
    once = " ".join(text.split())
    rendered = MARKDOWN.render(literal(text)).strip()
    assert html.unescape(rendered).replace("\u2060", "") == (f"<p>{once}</p>" if once else "")
    assert read(literal(text)) == once


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("see http://a.b", "h\u2060ttp"),
        ("HTTPS://A.B", "H\u2060TTPS"),
        ("www.a.b", "w\u2060ww"),
        ("mailto:x", "m\u2060ailto"),
        ("me@home.org", "me\u2060@\u2060home"),
        ("a -> b <= c", "-\u2060>"),
    ],
)
def test_what_is_read_as_a_link_or_an_arrow_without_any_markup_is_broken_up(text, broken):
    assert broken in html.unescape(literal(text))
    assert read(literal(text)) == text


def test_signs_of_icons_colours_and_formulas_are_not_left_as_they_are():
    assert not set(literal(":material/bug_report: :red[x] $x$ <img>")) & set(":[]$<>_")


def test_lists_to_choose_from_show_plain_text_so_nothing_is_escaped_in_them():
    found = 0
    for path in (ROOT / "pages").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
                continue
            if call.func.attr in ("selectbox", "multiselect"):
                options = {each.arg: ast.unparse(each.value) for each in call.keywords}
                assert "literal" not in options.get("format_func", ""), f"{path}:{call.lineno}"
                found += 1
    assert found > 30
