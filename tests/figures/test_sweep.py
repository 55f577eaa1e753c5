"""Parallel coordinates: where lines cross the axes."""

from cxrcore.figures import parallel_coordinates


def test_lines_cross_the_axes_at_their_values_evenly_in_powers_of_ten():
    rows = [
        {"lr": 1e-4, "ways": "none", "limit": None, "Score": 0.5},
        {"lr": 1e-3, "ways": "<b>strong", "limit": 60.0, "Score": 0.75},
        {"lr": 1e-2, "ways": "none", "limit": None, "Score": 0.9},
    ]
    heads = {"lr": "Learning rate", "ways": "Augmentation", "limit": "Limit"}
    fig = parallel_coordinates(rows, heads, "Score", log=["lr"])
    lines = [[round(y, 6) for y in line.y] for line in fig.data]
    assert lines == [[0.0, 1.0, 1.0, 0.0], [0.5, 0.0, 0.0, 0.625], [1.0, 1.0, 1.0, 1.0]]
    assert list(fig.layout.xaxis.ticktext) == [*heads.values(), "Score"]
    ticks = {(note.x, round(note.y, 3)): note.text for note in fig.layout.annotations}
    assert ticks[0, 0.5] == "0.001"
    assert "<b>" not in ticks[1, 0.0]
