"""Every figure of a subject with its interval, on all of its own test films."""

from cxrcore import store
from cxrcore.comparison.figures import Judged, known, within
from cxrcore.comparison.films import align
from cxrcore.comparison.patients import Patients
from cxrcore.comparison.subjects import Subject
from cxrcore.metrics import column, select
from cxrcore.metrics.uncertainty import Films

Row = dict[str, float | None]


def figures(subject: Subject, patients: Patients, before: Films | None = None) -> tuple[Row, Films]:
    """Of every metric of predictions its column, and with "_low" and "_high" its 95 % interval.

    Of a family the mean; its intervals are over folds as in `store.families`, or over films and seeds.

    Args:
        subject: the run or family.
        patients: of its films.
        before: films of another subject; if these are the same, their samples are used again.

    Returns:
        The row, and the films.

    Raises:
        StoreError: predictions are missing or damaged.
    """
    aligned = align([subject], patients, before)
    found: Row = {}
    if aligned.folds is not None:
        for name, each in store.summary_of(subject.runs).estimates.items():
            found |= {name: each.mean, f"{name}_low": each.low, f"{name}_high": each.high}
        return found, aligned.films
    [answers] = aligned.answers.values()
    for scope in ("overall", "class"):
        for metric in select("confusion", "predictions", scope=scope):
            for number, name in enumerate(aligned.classes if scope == "class" else [""]):
                judged, key = Judged(metric, number, answers), column(metric, name)
                low, high = within(metric, *judged.interval)
                found |= {key: known(judged.value), f"{key}_low": low, f"{key}_high": high}
    return found, aligned.films
