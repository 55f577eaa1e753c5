"""Names on the terminal: no colour, no cursor, no markup, no emoji, and JSON that keeps them."""

import json

import pytest

from cxrcore.cli import output
from cxrcore.progress import Progress, progress_bar

HOSTILE = "[red]a[/red] :warning: \x1b[31mred\x1b]8;;http://x\x07 \x9b2J \u202eback"
SHOWN = "[red]a[/red] :warning: �[31mred�]8;;http://x� �2J �back"


@pytest.mark.parametrize(
    "show",
    [
        output.say,
        lambda text: output.console.print(text),
        lambda text: output.print_table(["name"], [[text]], title=text),
        lambda text: output.answer({}, text, False),
    ],
)
def test_a_name_is_shown_as_it_is_written(show, capsys):
    show(HOSTILE)
    printed = capsys.readouterr().out
    assert SHOWN in printed
    assert not any(sign in printed for sign in "\x1b\x07\x9b\u202e")


def test_an_error_quotes_a_path_as_it_is_written(run, tmp_path):
    code, out, err = run("data", "add", "mine", tmp_path / HOSTILE.replace("/", ":"))
    assert (code, out) == (2, "")
    assert "[red]a[:red] :warning: " in err
    assert "\x1b" not in err


def test_json_keeps_the_name_without_its_bytes(capsys):
    output.print_json({"name": HOSTILE})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"name": HOSTILE}
    assert not any(sign in printed for sign in "\x1b\x9b\u202e")


def test_a_bar_calls_its_stage_by_name(capsys):
    with progress_bar() as report:
        report(Progress("unpacking [red]a[/red] :warning:", 1, 2))
    assert "[red]a[/red] :warning:" in capsys.readouterr().err
