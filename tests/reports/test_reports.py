"""The report to take away: what it says is what the package says, and it needs nothing else."""

import contextlib
import html
import re
import sys

import pandas as pd
import pytest

import cxrcore as cxr
from cxrcore import cli, comparison, reports, store, thresholds
from cxrcore.errors import ComparisonError
from cxrcore.figures import Axes, Line
from cxrcore.reports.chart import chart
from cxrcore.store.lung_shares import KeptShare
from tests.helpers import tested


@pytest.fixture
def two(tiny):
    runs = tested.divided(tiny, 1, 0.6), tested.divided(tiny, 2, 0.2)
    for run, title in zip(runs, ("Good <b>model</b>", "Poor"), strict=True):
        store.annotate(run.run_id, title=title)
    return [run.run_id for run in runs]


@pytest.fixture
def text(two):
    return reports.render(reports.gather(two, "recall", "B", 0.9))


def read(text: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", text))


def test_it_says_what_comparison_and_thresholds_say(two, text):
    found = comparison.compare(comparison.subjects(two), "recall", "B")
    verdict = comparison.verdict(found, store.titles())
    assert html.escape(verdict.text) in text
    point = thresholds.operating_point(store.load_run(two[0]), "B", 0.9)
    assert f"{point.choice.threshold:.3f}" in text
    assert html.escape(thresholds.promise(point.choice, "B")) in text
    for run_id in two:
        run = store.load_run(run_id)
        assert run.seal in text
        for row in run.metrics["test"].confusion:
            assert all(f">{count:,}</td>" in text for count in row)


def test_every_section_is_there(text):
    heads = re.findall(r"<h2>(.*?)</h2>", text)
    assert heads == [
        "What to be careful of", "Models", "Confusion matrices", "B against the rest",
        "Catching 90% of B", "Do the models look at the lungs?", "Mistakes", "Training", "Data and division", "Limits", "What CLAIM 2024 asks for",
        "Versions and digests",
    ]  # fmt: skip


def test_what_models_look_at_is_said_with_how_to_compute_what_is_missing(two, monkeypatch):
    share = KeptShare(mean=0.4, low=0.35, high=0.45, area=0.25, films=9, masks="")
    monkeypatch.setattr(
        store.Run, "lung_share", property(lambda run: share if run.run_id == two[0] else None)
    )
    text = read(reports.render(reports.gather(two)))
    assert f"Good <b>model</b>: {share.sentence}" in text
    assert f"Poor: not computed yet. python -m cxrcore explain {two[1]} --all" in text


def test_it_asks_for_nothing_and_runs_nothing(text):
    assert not re.search(r"<script|<link|@import|url\(|https?://(?!www\.w3\.org/2000/svg)", text)
    assert all(src.startswith("data:image/") for src in re.findall(r'src="([^"]+)"', text))


def test_names_are_plain_text(text):
    assert "<b>model</b>" not in text
    assert "Good &lt;b&gt;model&lt;/b&gt;" in text


def test_gaps_of_the_checklist_stand_in_plain_sight(text):
    assert text.count('class="gap"') >= 5


def test_curves_have_a_line_for_each_model_and_dots_at_the_operating_points(two, text):
    roc = re.findall(r"<svg.*?</svg>", text, re.S)[0]
    assert roc.count('stroke-width="2"') == len(two)
    assert roc.count("<circle") == len(two)


def test_the_training_has_its_best_epoch_and_its_rates(two, monkeypatch):
    history = pd.DataFrame(
        [[1, 0.9, 0.5, 0.8, 0.5, 1e-3, 1], [2, 0.5, 0.7, 0.625, 0.7, 1e-3, 1], [3, 0.2, 0.9, 0.7, 0.6, 1e-4, 1]],
        columns=list(store.HISTORY_COLUMNS),
    )  # fmt: skip
    monkeypatch.setattr(store.Run, "history", lambda _: history)
    text = reports.render(reports.gather(two))
    row = re.findall(r"<tr>(?:(?!</tr>).)*0\.625(?:(?!</tr>).)*</tr>", text)[0]
    assert re.findall(r"<td class=n>(.*?)</td>", row) == [
        "3",
        "2",
        "0.625",
        "0.500",
        "0.001 to 0.0001",
    ]
    svg = next(s for s in re.findall(r"<svg.*?</svg>", text, re.S) if "Validation loss" in s)
    x, left, right = (
        float(re.search(rf'<text x="([\d.]+)" y="302[^>]*>{n}<', svg)[1]) for n in (2, 1, 3)
    )
    assert f'cx="{x:.1f}"' in svg  # the dot at the best epoch
    assert left < x < right


def test_weights_that_were_imported_have_no_training(two, monkeypatch):
    none = pd.DataFrame(columns=list(store.HISTORY_COLUMNS))
    monkeypatch.setattr(store.Run, "history", lambda _: none)
    assert "<h2>Training</h2>" not in reports.render(reports.gather(two))


def test_a_report_made_apart_is_the_same_and_says_what_is_wrong(two):
    text = reports.render_apart(two, "recall", "B")
    made = re.compile(r"Made .*? UTC")
    here = reports.render(reports.gather(two, "recall", "B"))
    assert made.sub("", text) == made.sub("", here)
    with pytest.raises(ComparisonError, match="no class 'Z'"):
        reports.render_apart(two, class_name="Z")


def test_a_point_of_a_chart_lies_where_its_values_are():
    axes = Axes("x", "y", {}, x_range=(0, 1), y_range=(0, 1))
    svg = chart([Line("a", "#112233", [0.0, 1.0], [0.0, 1.0], marked=(0.5, 0.25))], axes)
    x, y = map(float, re.search(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg).groups())
    path = re.search(r'd="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)" fill="none" stroke="#112233"', svg)
    left, bottom, right, top = map(float, path.groups())
    assert x == pytest.approx((left + right) / 2, abs=0.1)
    assert y == pytest.approx(bottom + 0.25 * (top - bottom), abs=0.1)


def test_a_run_without_validation_films_has_no_operating_point_and_says_why(tiny):
    run = tested.divided(tiny, 3, 0.5, parts="test")
    said = read(reports.render(reports.gather([run.run_id])))
    assert "without looking at the test films" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "luck"}, "cannot be compared by 'luck'"),
        ({"class_name": "Z"}, "no class 'Z'"),
    ],
)
def test_what_cannot_be_reported_is_refused(options, message, two):
    with pytest.raises(ComparisonError, match=message):
        reports.gather(two, **options)


def test_python_and_the_command_line_write_the_file(two, tmp_path, monkeypatch, capsys):
    path = cxr.report(two, tmp_path / "a.html", class_name="B")
    assert path.read_text().startswith("<!DOCTYPE html>")
    words = ["cxrcore", "report", *two, "--out", str(tmp_path / "b.html"), "--class", "B", "--json"]
    monkeypatch.setattr(sys, "argv", words)
    with contextlib.suppress(SystemExit):
        cli.main()
    assert str((tmp_path / "b.html").stat().st_size) in capsys.readouterr().out


def test_of_many_pairs_those_of_the_first_model_are_shown_and_the_others_folded(tiny, monkeypatch):
    runs = [tested.divided(tiny, number, share).run_id for number, share in enumerate((0.7, 0.4, 0.2))]  # fmt: skip
    content = reports.gather(runs)
    sentences = [
        html.escape(comparison.sentence(pair, content.found, content.titles))
        for pair in content.found.pairs
    ]
    assert "<details>" not in reports.render(content)
    monkeypatch.setattr("cxrcore.reports.document._PAIRS", 2)
    shown, folded = reports.render(content).split("<details>")
    of_first = [content.runs[0].run_id in (pair.first, pair.second) for pair in content.found.pairs]
    assert sorted(of_first) == [False, True, True]
    assert [sentence in shown for sentence in sentences] == of_first
    assert all(sentence in shown + folded for sentence in sentences)
