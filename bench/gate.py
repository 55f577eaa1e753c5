"""The gate on films it should pass and on pictures it should stop, for a run of the store.

    python bench/gate.py DATASET RUN [--held-out 200] [--other 60] [--shared ../shared/data]

Up to `--held-out` test films of the run, against `--other` pictures of other kinds: screens, text,
noise, hands and skulls drawn here, textures and photographs of scikit-image, other test films
inverted and turned, and lateral films and CT slices of `--shared` where there are any. Prints per
kind how many are withheld, the area under the ROC curve of the distance, of the odds of being
turned, and of both together, and how long a check takes. The profile is made where there is none.
"""

import argparse
import importlib.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cxrcore import datasets, explanations, gate, images, profiles, store  # noqa: E402
from cxrcore.gate import copies  # noqa: E402
from cxrcore.inference import Film, Models, Prediction  # noqa: E402
from cxrcore.pixels import Preparation, prepare_one  # noqa: E402
from cxrcore.training import machine  # noqa: E402

Gray = np.ndarray

# Frontal films of other hospitals: good films, but not such as the run was validated on.
ELSEWHERE, SUPINE = "PA elsewhere", "supine elsewhere"
NO_OTHERS = ("film", "mirrored (warns)", ELSEWHERE, SUPINE)
NATURAL = "brick grass gravel coins moon ihc retina coffee camera astronaut chelsea cell".split()
ALTERED = {
    "inverted": lambda gray: 255 - gray,
    "turned left": lambda gray: np.rot90(gray),
    "upside down": lambda gray: np.rot90(gray, 2),
    "turned right": lambda gray: np.rot90(gray, 3),
    "mirrored (warns)": lambda gray: gray[:, ::-1],
}


def drawn(count: int) -> Iterator[tuple[str, Gray]]:
    place = ROOT / "tests" / "helpers" / "other_images.py"
    spec = importlib.util.spec_from_file_location("other_images", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield from module.drawn(count)


def natural(count: int) -> Iterator[tuple[str, Gray]]:
    folder = Path(importlib.util.find_spec("skimage").origin).parent / "data"
    for name in NATURAL[:count]:
        yield "texture", images.decode(next(folder.glob(f"{name}.*")))


def of_collection(shared: Path, count: int) -> Iterator[tuple[str, Gray]]:
    folder = shared / "ieee8023-covid-chestxray-dataset"
    if not folder.is_dir():
        print(f"There is no {folder}: no lateral films and no CT slices are tried.")
        return
    table = pd.read_csv(folder / "metadata.csv")
    for view, kind in (("L", "lateral"), ("Axial", "CT"), ("PA", ELSEWHERE), ("AP Supine", SUPINE)):
        for name in table.loc[table["view"] == view, "filename"][:count]:
            yield kind, images.decode(folder / "images" / name)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset")
    parser.add_argument("run")
    parser.add_argument("--held-out", type=int, default=200)
    parser.add_argument("--other", type=int, default=60)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared" / "data")
    asked = parser.parse_args()

    dataset, run = datasets.load(asked.dataset), store.load_run(asked.run)
    machine.start_tensorflow()
    model = Models(limit=1).get(run)
    start = time.perf_counter()
    copies.prepare(dataset)
    described = time.perf_counter() - start
    start = time.perf_counter()
    profile = profiles.load(run) or profiles.make(run, dataset, model)
    print(
        f"{run.run_id}: {len(profile.image_ids)} training films, {len(profile.unlike)} validation films; "
        f"described in {described:.1f} s, profile in {time.perf_counter() - start:.1f} s"
    )

    kept = run.predictions()
    test = kept.loc[kept["split"] == "test", "image_id"].sample(frac=1, random_state=0).tolist()
    held_out, spare = test[: asked.held_out], test[asked.held_out :] or test
    each = -(-asked.other // 12)
    other = [*drawn(each), *natural(each), *of_collection(asked.shared, each)]
    for kind, alter in ALTERED.items():
        for image_id in spare[:each]:
            other.append((kind, alter(images.decode(dataset.path_of(image_id)))))
    good = [(image_id, images.decode(dataset.path_of(image_id))) for image_id in held_out]

    found, seconds = [], []
    for name, gray in [*(("film", gray) for _, gray in good), *other]:
        film, prediction = answered(run, model, np.ascontiguousarray(gray))
        begun, used = time.perf_counter(), time.process_time()
        report = gate.check(film, [prediction], dataset)
        seconds.append((time.perf_counter() - begun, time.process_time() - used))
        scores = profile.scores(prediction.seen, prediction.depths)
        found.append((name, report, scores))
    show(found)
    clock, processor = 1e3 * np.median(seconds, axis=0)
    print(f"a check takes {clock:.0f} ms (median), {processor:.0f} ms of the processor")


def answered(run: store.Run, model: object, gray: Gray) -> tuple[Film, Prediction]:
    seen = prepare_one(gray, None, Preparation(run.recipe.image_size))
    embedding, depths = explanations.embed(model, seen[None])
    film = Film("picture.png", "0" * 32, gray, None, None)
    inner = tuple(depth[0] for depth in depths)
    return film, Prediction(run.run_id, embedding=embedding[0], depths=inner, seen=seen)


def show(found: list) -> None:
    from sklearn.metrics import roc_auc_score

    frame = pd.DataFrame(
        {
            "kind": [kind for kind, _, _ in found],
            "withheld": [report.withheld for _, report, _ in found],
            "said": [report.findings[0].title for _, report, _ in found],
            "mirrored": [
                any(f.kind == "mirrored" for f in report.findings) for _, report, _ in found
            ],
            "unlike": [scores.unlike for _, _, scores in found],
            "turned": [scores.turned for _, _, scores in found],
        }
    )
    # Both checks as one score: by how many of the held-out films a picture is exceeded, at best.
    good = frame[frame["kind"] == "film"]
    frame["either"] = [
        max((good[name] < row[name]).mean() for name in ("unlike", "turned"))
        for row in frame.to_dict("records")
    ]
    film = frame["kind"] == "film"
    for kind, some in frame.groupby("kind", sort=False):
        both = frame[film | (frame["kind"] == kind)]
        areas = [
            f"{roc_auc_score(both['kind'] == kind, both[name]):.3f}" if kind != "film" else "-----"
            for name in ("unlike", "turned", "either")
        ]
        said = some["said"].value_counts()
        print(
            f"{kind:18} {len(some):4}  withheld {some['withheld'].sum():4} ({some['withheld'].mean():4.0%})"
            f"  mirrored {some['mirrored'].mean():4.0%}  AUROC {' '.join(areas)}  {said.index[0]} ({said.iloc[0]})"
        )
    others = frame[film | ~frame["kind"].isin(NO_OTHERS)]
    print(f"AUROC of all kinds: {roc_auc_score(others['kind'] != 'film', others['either']):.3f}")
    stopped = frame[~frame["kind"].isin(NO_OTHERS)]
    print(f"{len(stopped)} others: {stopped['withheld'].mean():.0%} withheld")


if __name__ == "__main__":
    main()
