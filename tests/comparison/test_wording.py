"""What a comparison says in words."""

import itertools

import pytest

from cxrcore.comparison import Common, Comparison, Figure, Pair, reasons, sentence, verdict
from cxrcore.metrics import METRICS

TITLES = {"plain": "Plain CNN", "five": "Five-block CNN", "compact": "Compact"}


def made(
    values: dict[str, float | None],
    proven: dict[tuple[str, str], float] | None = None,
    metric: str = "recall",
    class_name: str = "COVID-19",
    detectable: float | None = 0.35,
    films: int = 75,
) -> Comparison:
    """A comparison of these values, best first; `proven` has p of some pairs, the others have 1."""
    pairs = []
    for first, second in itertools.combinations(values, 2):
        p = (proven or {}).get((first, second), 1.0)
        known = None not in (values[first], values[second])
        moved = values[first] - values[second] if known else None
        pairs.append(
            Pair(first=first, second=second, difference=moved, low=moved and moved - 0.2,
                 high=moved and moved + 0.19, p=p, adjusted=p, method="exact McNemar")
        )  # fmt: skip
    figures = [
        Figure(name=name, value=value, low=0.7, high=0.96, ranks=None, method="Wilson")
        for name, value in values.items()
    ]
    common = Common(films=films, of={}, patients=None, digest="", reasons=[])
    return Comparison(
        metric=metric, class_name=class_name, figures=figures, pairs=pairs, common=common,
        relevant=25, detectable=detectable, discordance=0.3, level=0.01,
    )  # fmt: skip


def test_the_verdict_says_what_is_proven_and_what_the_films_could_have_shown():
    found = made({"plain": 0.88, "compact": 0.84, "five": 0.48}, {("plain", "five"): 0.02})
    told = verdict(found, TITLES)
    assert told.text == (
        "Plain CNN misses fewer COVID-19 films than Five-block CNN (recall 0.88 against 0.48, "
        "difference 0.40, 95 % 0.20 to 0.59, p = 0.02 after Holm); from Compact (0.84) it cannot be "
        "told apart: 25 films could show a difference of 0.35 or more."
    )
    assert not told.sure


def test_it_is_sure_where_the_best_is_proven_better_than_every_other():
    found = made({"plain": 0.88, "five": 0.48}, {("plain", "five"): 0.0002})
    told = verdict(found, TITLES)
    assert told.text == (
        "Plain CNN misses fewer COVID-19 films than Five-block CNN (recall 0.88 against 0.48, "
        "difference 0.40, 95 % 0.20 to 0.59, p < 0.001)."
    )
    assert told.sure


def test_where_nothing_is_proven_it_says_so_with_the_range():
    values = {"plain": 0.79, "five": 0.77, "compact": 0.76}
    told = verdict(made(values, metric="accuracy", class_name="", detectable=0.12), TITLES)
    assert told.text == (
        "No model is proven better than another on accuracy (0.76 to 0.79): 25 films could show a "
        "difference of 0.12 or more."
    )
    assert not told.sure
    two = made({"plain": 0.79, "five": 0.77}, {("plain", "five"): 0.4}, "auc", "Viral", None)
    assert verdict(two, TITLES).text == (
        "Plain CNN and Five-block CNN cannot be told apart: AUC for Viral 0.79 against 0.77, "
        "difference 0.02, 95 % -0.18 to 0.21, p = 0.40."
    )


def test_a_figure_that_should_be_low_is_told_as_lower_by_a_positive_difference():
    values = {"plain": 0.3, "five": 0.45}
    found = made(values, {("plain", "five"): 0.01}, "loss", "", None)
    assert verdict(found, TITLES).text == (
        "Plain CNN has a lower log loss than Five-block CNN (0.30 against 0.45, difference 0.15, "
        "95 % -0.04 to 0.35, p = 0.01)."
    )


def test_of_many_models_few_are_named_and_the_others_counted():
    values = {name: 0.9 - 0.01 * place for place, name in enumerate("abcdefghijkl")}
    proven = {("a", name): 0.001 for name in "ghijkl"}
    text = verdict(made(values, proven), {}).text
    assert " than g (recall 0.90 against 0.84" in text
    assert "and than h (0.83), i (0.82) and 3 others; from b (0.89), c (0.88) and 3 others" in text


def test_it_begins_with_the_model_that_is_proven_better_than_most():
    found = made({"plain": 0.88, "compact": 0.86, "five": 0.48}, {("compact", "five"): 0.02})
    told = verdict(found, TITLES)
    assert told.text.startswith("Compact misses fewer COVID-19 films than Five-block CNN")
    assert "from Plain CNN (0.88) it cannot be told apart" in told.text
    assert not told.sure


def test_one_model_alone_has_its_value_and_interval():
    told = verdict(made({"plain": 0.88}), TITLES)
    assert told.text == "Plain CNN: recall for COVID-19 0.88, 95 % 0.70 to 0.96, on 25 films."
    assert not told.sure


def test_undefined_figures_are_said_to_be_so():
    found = made({"plain": None, "five": None})
    assert verdict(found, {}).text == "The recall for COVID-19 is undefined on these films."
    assert sentence(found.pairs[0], found, TITLES) == (
        "Plain CNN and Five-block CNN cannot be compared: the recall for COVID-19 is undefined."
    )


def test_many_films_deserve_a_third_digit():
    found = made({"plain": 0.8812, "five": 0.8799}, films=5000)
    assert "recall for COVID-19 0.881 against 0.880" in verdict(found, {}).text


def test_each_pair_has_a_sentence_with_its_test():
    found = made({"plain": 0.88, "compact": 0.84, "five": 0.48}, {("plain", "five"): 0.0504})
    assert sentence(found.pairs[1], found, TITLES) == (
        "Plain CNN and Five-block CNN cannot be told apart: recall for COVID-19 0.88 against 0.48, "
        "difference 0.40, 95 % 0.20 to 0.59, p = 0.050 after Holm (exact McNemar)."
    )
    assert sentence(found.pairs[0], found, TITLES).endswith("p = 1.00 after Holm (exact McNemar).")


@pytest.mark.parametrize(
    "metric", [m for m in METRICS.values() if m.basis not in ("run", "maps")], ids=lambda m: m.name
)
def test_every_figure_can_be_told(metric):
    of = "{x} & y" if metric.scope == "class" else ""
    found = made({"plain": 0.6, "five": 0.5}, {("plain", "five"): 0.01}, metric.name, of, None)
    text = verdict(found, TITLES).text
    assert text.startswith("Plain CNN ")
    assert " than Five-block CNN (" in text
    assert of in text
    assert metric.spoken in text


def test_reasons_have_titles_in_place_of_names_in_one_pass():
    found = made({"plain": 0.6, "plain-2": 0.5})
    told = ["plain-2 was tested on 'six', plain on 'plain-3'.", "Compared are 5 films."]
    common = found.common.model_copy(update={"of": {"plain": 5, "plain-2": 5}, "reasons": told})
    found = found.model_copy(update={"common": common})
    assert reasons(found, {"plain": "The plain-2", "plain-2": "B"}) == [
        "B was tested on 'six', The plain-2 on 'plain-3'.",
        "Compared are 5 films.",
    ]
    assert reasons(found, {}) == told
