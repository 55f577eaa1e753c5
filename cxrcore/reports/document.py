"""The report as one HTML file: no script, nothing fetched, prints on A4."""

import html
from collections.abc import Iterable, Sequence

from cxrcore import comparison, figures, thresholds
from cxrcore.figures import CLASS_CURVES
from cxrcore.metrics import METRICS, column, select
from cxrcore.reports import films
from cxrcore.reports.chart import chart
from cxrcore.reports.content import Content
from cxrcore.reports.training import axes
from cxrcore.store import Run
from cxrcore.store.card import NOTICE, limits
from cxrcore.thresholds import OperatingPoint

_STYLE = """
@page { size: A4; margin: 16mm; }
body { font: 15px/1.5 system-ui, sans-serif; color: #0e171e; background: #fff; max-width: 62rem;
  margin: 2rem auto; padding: 0 1.2rem; overflow-wrap: anywhere; }
h1 { font-size: 1.8rem; margin-bottom: 0; } h2 { font-size: 1.25rem; margin: 2rem 0 .5rem;
  border-bottom: 1px solid #c9d3da; break-after: avoid; }
.verdict { border-left: 4px solid #0b6e99; background: #eaf3f7; padding: .8rem 1rem; font-size: 1.1rem; }
table { border-collapse: collapse; width: 100%; font-size: .82rem; }
th, td { text-align: left; padding: .25rem .5rem .25rem 0; border-bottom: 1px solid #e3e9ed; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
td.n { white-space: nowrap; } td:first-child { min-width: 8rem; overflow-wrap: break-word; }
.key i, td i { display: inline-block; width: .75rem; height: .75rem; border-radius: 2px; margin-right: .35rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1rem; align-items: end; }
.grid > * { break-inside: avoid; } .matrix td { text-align: center; border: 2px solid #fff; }
.matrix th { font-weight: 400; font-size: .75rem; overflow-wrap: normal; border: 0; }
.charts { display: grid; grid-template-columns: repeat(2, 1fr); gap: 1rem 1.5rem; }
figure { margin: 0; } figcaption, .small { font-size: .8rem; color: #46545f; }
.films { display: flex; flex-wrap: wrap; gap: .6rem; } .films figure { width: 8.2rem; break-inside: avoid; }
.films img { width: 100%; background: #000; display: block; } .gap { color: #9a3412; font-weight: 600; }
svg { width: 100%; height: auto; }
@media print { html { font-size: 13px; } body { margin: 0; padding: 0; font-size: 1rem; } }
"""
_SHOWN = 8  # metrics in the leaderboard beside the one in question
_PAIRS = 15  # those of six models: more are folded away


def render(content: Content) -> str:
    """The report as HTML text."""
    title = f"{content.dataset.name}: {len(content.runs)} models compared"
    if len(content.runs) == 1:
        title = f"{content.dataset.name}: {content.titles[content.runs[0].run_id]}"
    verdict = comparison.verdict(content.found, content.titles)
    body = [
        f'<h1>{_text(title)}</h1><p class="small">Made {content.made:%d %B %Y, %H:%M} UTC. {_text(NOTICE)}</p>',
        f'<p class="verdict">{_text(verdict.text)}</p>',
        _section("What to be careful of", _list(f"{r.title}: {r.text}" for r in content.remarks)),
        _section("Models", _leaderboard(content)),
        _section("Confusion matrices", _matrices(content)),
        _section(f"{content.class_name} against the rest", _curves(content)),
        _section(f"Catching {content.recall:.0%} of {content.class_name}", _points(content)),
        _section("Do the models look at the lungs?", films.maps(content)),
        _section("Example films", films.examples(content)),
        _section("Mistakes", films.mistakes(content)),
        _section("Training", _training(content)),
        _section("Data and division", _data(content)),
        _section("Limits", _limits(content)),
        _section("What CLAIM 2024 asks for", _claim(content)),
        _section("Versions and digests", _digests(content)),
    ]
    head = f'<meta charset="utf-8"><title>{_text(title)}</title><style>{_STYLE}</style>'
    return (
        f'<!DOCTYPE html><html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>\n'
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{_text(title)}</h2>{body}</section>" if body else ""


def _leaderboard(content: Content) -> str:
    asked = column(METRICS[content.found.metric], content.found.class_name)
    others = [metric.name for metric in select("confusion", "predictions") if metric.shown]
    names = [asked, *[name for name in others if name != asked][:_SHOWN]]
    ranks = {figure.name: figure.ranks for figure in content.found.figures}
    head = ["Model", "Rank", *(_head(name) for name in names)]
    rows = []
    for run in content.runs:
        best, worst = ranks[run.run_id] or (None, None)
        rank = "–" if best is None else str(best) if best == worst else f"{best}–{worst}"
        rows.append([_named(run, content), rank, *(_value(content, run, name) for name in names)])
    common = content.found.common
    of = f" of {common.patients:,} patients" if common.patients else ""
    films = f"On {common.films:,} test films{of}"
    if any(number != common.films for number in common.of.values()):
        films = f"Each model on its own test films, verdict and ranks on the {common.films:,} in common{of}"
    return _table(head, rows, numbers=1) + (
        f'<p class="small">{films}; 95 % intervals below. A rank is '
        f"a range: models that share ranks cannot be told apart. {_text(' '.join(common.reasons))}</p>"
        + _pairs(content)
    )


def _pairs(content: Content) -> str:
    """A sentence a pair; of many, those of the first model, and the others folded away."""
    pairs, first = content.found.pairs, content.runs[0].run_id
    shown = [p for p in pairs if len(pairs) <= _PAIRS or first in (p.first, p.second)]
    others = [pair for pair in pairs if pair not in shown]
    found, folded = (
        _list(comparison.sentence(pair, content.found, content.titles) for pair in part)
        for part in (shown, others)
    )
    more = f"<details><summary>The other {len(others):,} pairs</summary>{folded}</details>"
    return found + (more if others else "")


def _head(name: str) -> str:
    metric, _, label = name.partition("[")
    return _text(f"{METRICS[metric].symbol} {label[:-1]}".strip())


def _value(content: Content, run: Run, name: str) -> str:
    metric = METRICS[name.partition("[")[0]]
    value, low, high = (
        content.intervals.at[run.run_id, f"{name}{end}"] for end in ("", "_low", "_high")
    )
    text = _text(metric.text(None if value is None else float(value)))
    if low is not None and low == low:  # a number
        text += f'<br><span class="small">{float(low):.2f}–{float(high):.2f}</span>'
    return text


def _matrices(content: Content) -> str:
    found = []
    for run in content.runs:
        head = "".join(f"<th>{_text(name)}</th>" for name in run.classes)
        lines = []
        for name, counts in zip(run.classes, run.metrics["test"].confusion, strict=True):
            whole = sum(counts) or 1
            cells = "".join(
                f'<td style="background:rgb(0 114 178 / {0.6 * n / whole:.2f})">{n:,}</td>'
                for n in counts
            )
            lines.append(f"<tr><th>{_text(name)}</th>{cells}</tr>")
        found.append(
            f"<figure><figcaption>{_named(run, content)}</figcaption>"
            f'<table class="matrix"><tr><th></th>{head}</tr>{"".join(lines)}</table></figure>'
        )
    note = '<p class="small">Rows: true class. Columns: answer. Colour: share of the row.</p>'
    return f'<div class="grid">{"".join(found)}</div>{note}'


def _curves(content: Content) -> str:
    if not content.curves:
        return ""
    key = "".join(f"<span>{_named(run, content)} &nbsp; </span>" for run in content.runs)
    found = [
        f"<figure>{chart(lines, CLASS_CURVES[kind].axes(share))}<figcaption><b>{_text(kind)}.</b> "
        f"{_text(CLASS_CURVES[kind].text)}</figcaption></figure>"
        for kind, lines, share in content.curves
    ]
    return f'<p class="key small">{key}</p><div class="charts">{"".join(found)}</div>'


def _points(content: Content) -> str:
    rows = []
    for run in content.runs:
        point = content.points.get(run.run_id)
        if point is not None:
            rows.append([_named(run, content), *_costs(point)])
    head = [
        "Model",
        "Called from",
        "Recall",
        "Precision",
        "Missed of 1,000",
        "False alarms of 1,000",
    ]
    text = _list(
        f"{content.titles[run]}: {thresholds.promise(point.choice, content.class_name)}"
        for run, point in content.points.items()
    )
    without = _list(
        reason.replace(run, content.titles[run]) for run, reason in content.without.items()
    )
    if not rows:
        return without
    return _table(head, rows, numbers=1) + (
        '<p class="small">Chosen on validation films, measured on test films, counted at the share of the '
        f"class among them; 95 % intervals in parentheses.</p>{text}{without}"
    )


def _costs(point: OperatingPoint) -> list[str]:
    found = thresholds.per_thousand(point.cost, point.prevalence)
    shares = [
        f"{share.value:.2f} ({share.low:.2f}–{share.high:.2f})"
        for share in (point.cost.recall, point.cost.precision)
    ]
    counts = [
        f"{value:.0f} ({low:.0f}–{high:.0f})" for value, low, high in (found.missed, found.alarms)
    ]
    return [f"{point.choice.threshold:.3f}", *shares, *counts]


def _training(content: Content) -> str:
    """The validation loss after each epoch, and a row a model."""
    if not content.trained:
        return ""
    lines = [each.line for each in content.trained.values()]
    rows = []
    for run in content.runs:
        if (each := content.trained.get(run.run_id)) is not None:
            first, last = each.rates
            rate = f"{first:.2g}" if first == last else f"{first:.2g} to {last:.2g}"
            losses = [f"{each.loss:.3f}", f"{each.train_loss:.3f}"]
            rows.append([_named(run, content), str(each.epochs), str(each.best), *losses, rate])
    head = ["Model", "Epochs", "Best epoch", "Validation loss", "Training loss", "Learning rate"]
    return (
        f'<div class="charts"><figure>{chart(lines, axes(lines))}<figcaption>After each epoch; dots: the '
        f"best one, whose losses the table has.</figcaption></figure></div>{_table(head, rows, numbers=1)}"
    )


def _data(content: Content) -> str:
    table = content.dataset.table
    rows = []
    for label in content.dataset.classes:
        of = table[table["label"] == label]
        patients = of["patient_id"].nunique() if of["patient_id"].notna().any() else None
        sources = ", ".join(f"{n:,} {_text(s)}" for s, n in of["source"].value_counts().items())
        rows.append(
            [_text(label), f"{len(of):,}", f"{patients:,}" if patients else "–", sources or "–"]
        )
    first = content.runs[0]
    facts = [f"{n} are {part} films." for part, n in (first.split_counts or {}).items()]
    notes = dict.fromkeys(run.split_note for run in content.runs)
    leaks = dict.fromkeys(run.leaks.sentence for run in content.runs if run.leaks)
    synthetic = ["These films are simulated, not of patients."] if first.synthetic else []
    return _table(["Class", "Films", "Patients", "Sources"], rows) + _list(
        [*synthetic, *notes, *facts, *leaks]
    )


def _limits(content: Content) -> str:
    """Those of all models once, then what is true of one."""
    by_run = {run.run_id: limits(run) for run in content.runs}
    shared = [
        text for text in by_run[content.runs[0].run_id] if all(text in t for t in by_run.values())
    ]
    own = [
        f"{content.titles[run]}: {text}"
        for run, texts in by_run.items()
        for text in texts
        if text not in shared
    ]
    return _list([*shared, *own])


def _claim(content: Content) -> str:
    rows = [
        [
            _text(item.asked),
            _text(item.answer) if item.known else f'<span class="gap">{_text(item.answer)}</span>',
        ]
        for item in content.items
    ]
    return _table(["Item", "Answer"], rows)


def _digests(content: Content) -> str:
    about = f"{_text(content.dataset.name)}, fingerprint {content.dataset.fingerprint}"
    rows = [["Dataset", about], ["Films compared", _text(content.found.common.digest)]]
    for run in content.runs:
        software = ", ".join(f"{name} {version}" for name, version in run.versions.items())
        rows.append([_text(run.run_id), _text(f"record {run.seal}; {run.created}; {software}")])
    return _table(["What", "Digest and versions"], rows)


def _named(run: Run, content: Content) -> str:
    colour = content.colours.get(run.run_id, figures.NEUTRAL)
    return f'<i style="background:{_text(colour)}"></i>{_text(content.titles[run.run_id])}'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 99) -> str:
    """Cells are HTML; those from column `numbers` on are right-aligned."""

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=n' if place >= numbers else ''}>{cell}</{tag}>"
            for place, cell in enumerate(row)
        )

    lines = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{cells('th', head)}</tr></thead><tbody>{lines}</tbody></table>"


def _list(sentences: Iterable[str]) -> str:
    items = "".join(f"<li>{_text(sentence)}</li>" for sentence in sentences)
    return f"<ul>{items}</ul>" if items else ""


def _text(text: str) -> str:
    return html.escape(str(text))
