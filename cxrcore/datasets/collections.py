"""The public collections that the studies used: what they are and how to get them.

Facts are from the pages and READMEs that the records name, as of November 2026. What could not
be confirmed there is None and shown as "not stated": no size, licence or checksum is a guess.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from cxrcore import archives
from cxrcore.errors import DatasetError


@dataclass(frozen=True)
class Kaggle:
    """Downloaded by the package kagglehub."""

    word: ClassVar[str] = "kagglehub"
    handle: str  # owner/name

    @property
    def address(self) -> str:
        """The page where it can be downloaded by hand, as one zip."""
        return f"https://www.kaggle.com/datasets/{self.handle}"


@dataclass(frozen=True)
class Archive:
    """One file that anyone may download."""

    word: ClassVar[str] = "download"
    address: str
    checksum: str | None = None  # md5:… or sha256:…; None: the publisher states none
    suffix: str = ".zip"


@dataclass(frozen=True)
class ByHand:
    """Available only by another tool or by hand: what to type, and where that puts it."""

    word: ClassVar[str] = "by hand"
    commands: tuple[str, ...]
    result: str  # the folder that the commands make
    address: str


@dataclass(frozen=True, kw_only=True)
class Collection:
    """One public collection of chest X-rays or CT slices."""

    name: str  # under which it is registered
    title: str
    what: str  # one sentence
    images: int | None
    classes: dict[str, int | None] = field(hash=False)  # as published -> images
    modality: str
    masks: str | None = None  # what marks the lungs, if anything does
    size_bytes: int | None  # of the download
    licence: str | None
    citation: str
    home: str
    layout: str  # of cxrcore.datasets.LAYOUTS
    how: Kaggle | Archive | ByHand
    inside: str | None = None  # the folder of the download with the dataset; None: detected
    studies: str | None  # which of the five studies used it, and for what
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> str | None:
        """The size of the download for people, such as "1.2 GB"."""
        return None if self.size_bytes is None else archives.size(self.size_bytes)

    def class_list(self) -> str:
        """The classes with their numbers of images, if known: "COVID 3,616, Normal 10,192"."""
        return ", ".join(f"{name} {n:,}" if n else name for name, n in self.classes.items())


_GITHUB = "https://github.com"
_MENDELEY = "https://data.mendeley.com"

_ALL = (
    Collection(
        name="radiography",
        title="COVID-19 Radiography Database",
        what="X-rays of adults with COVID-19, other lung opacity or no finding, and of children with viral "
        "pneumonia, 299 px, each with a lung mask.",
        images=21_165,
        classes={"COVID": 3_616, "Lung_Opacity": 6_012, "Normal": 10_192, "Viral Pneumonia": 1_345},
        modality="X-ray",
        masks="mask pictures",
        size_bytes=None,
        licence="© the original authors of each file, who must be named",
        citation="Chowdhury et al. 2020, doi 10.1109/ACCESS.2020.3010287; "
        "Rahman et al. 2021, doi 10.1016/j.compbiomed.2021.104319",
        home="https://www.kaggle.com/datasets/tawsifurrahman/covid19-radiography-database",
        layout="radiography",
        how=Kaggle("tawsifurrahman/covid19-radiography-database"),
        studies="study B, in its state of March 2021 (1,200 COVID, 1,341 normal, 1,345 viral pneumonia)",
        notes=(
            "Viral pneumonia and 1,341 of the normal images are of Kermany's children (`kermany`); all COVID "
            "images are of other people. Age and hospital separate the classes: a classifier can score "
            "well without looking at the lungs.",
            "559 COVID images come from collections that `cohen` holds as well: search for duplicates before "
            "a model trained on one is tested on the other.",
        ),
    ),
    Collection(
        name="v7-covid",
        title="V7 Labs COVID-19 chest X-ray dataset",
        what="X-rays with both lungs drawn as polygons and the kind of pneumonia as a tag.",
        images=6_504,
        classes={
            "Bacterial Pneumonia": None,
            "COVID-19": None,
            "No Pneumonia (healthy)": None,
            "Viral Pneumonia": None,
        },
        modality="X-ray, and 63 CT slices that are left out",
        masks="polygons",
        size_bytes=None,
        licence="annotations CC BY 4.0; images as in their sources (Kermany CC BY 4.0, Cohen per image)",
        citation="V7 Labs 2020, https://github.com/v7labs/covid-19-xray-dataset",
        home=f"{_GITHUB}/v7labs/covid-19-xray-dataset",
        layout="darwin",
        how=ByHand(
            commands=(
                "pip install darwin-py",
                "darwin authenticate",
                "darwin dataset pull v7-labs/covid-19-chest-x-ray-dataset:all-images",
            ),
            result="~/.darwin/datasets/v7-labs/covid-19-chest-x-ray-dataset",
            address="https://darwin.v7labs.com/v7-labs/covid-19-chest-x-ray-dataset",
        ),
        studies="study A, lungs only",
        notes=(
            "By its README 5,863 images are Kermany's (`kermany`) and 517 cases of COVID-19 are Cohen's "
            "(`cohen`): neither can be an external test for it.",
            "The tool needs an account and its key: `darwin authenticate`.",
        ),
    ),
    Collection(
        name="cohen",
        title="COVID-19 image data collection (Cohen)",
        what="X-rays and CT slices gathered from publications, with patient, view, place and finding.",
        images=None,
        classes={"COVID-19": None, "other pneumonias by cause": None, "No Finding": None},
        modality="X-ray and CT",
        size_bytes=None,
        licence="per image, in metadata.csv (Apache 2.0, CC BY-NC-SA 4.0, CC BY 4.0); "
        "metadata.csv itself CC BY-NC-SA 4.0",
        citation="Cohen et al. 2020, arXiv:2006.11988 and arXiv:2003.11597",
        home=f"{_GITHUB}/ieee8023/covid-chestxray-dataset",
        layout="cohen",
        how=Archive(f"{_GITHUB}/ieee8023/covid-chestxray-dataset/archive/refs/heads/master.zip"),
        studies="part of studies A and B, through the collections made from it",
        notes=(
            "Its README counts 481 X-rays in PA or AP view and 173 in AP supine.",
            "`radiography`, `v7-covid`, `ozturk` and most COVID-19 collections hold images of it.",
            "GitHub makes the archive on request: it has no checksum, and a broken download starts again.",
        ),
    ),
    Collection(
        name="mendeley-covid",
        title="Extensive COVID-19 X-Ray and CT Chest Images Dataset",
        what="X-rays and CT slices with and without COVID-19, each in two classes.",
        images=17_599,
        classes={
            "X-ray COVID": 4_044,
            "X-ray Non-COVID": 5_500,
            "CT COVID": 5_427,
            "CT Non-COVID": 2_628,
        },
        modality="X-ray and CT",
        size_bytes=3_998_246_124,
        licence=None,
        citation="El-Shafai and Abd El-Samie 2020, doi 10.17632/8h65ywd2jr.3",
        home=f"{_MENDELEY}/datasets/8h65ywd2jr/3",
        layout="mendeley",
        how=Archive(f"{_MENDELEY}/public-api/zip/8h65ywd2jr/download/3"),
        studies="study C",
        notes=(
            'Version 2 was called "Extensive and Augmented": images were multiplied by altering them. Search '
            "for duplicates before you split it.",
            "Patients are not given.",
        ),
    ),
    Collection(
        name="kermany",
        title="Chest X-Ray Images (Pneumonia), Kermany",
        what="X-rays of children of one to five years, healthy or with bacterial or viral pneumonia, "
        "with published splits.",
        images=5_856,
        classes={"NORMAL": None, "PNEUMONIA": None},
        modality="X-ray",
        size_bytes=1_235_512_464,
        licence="CC BY 4.0",
        citation="Kermany, Zhang and Goldbaum 2018, doi 10.17632/rscbjbr9sj.2",
        home=f"{_MENDELEY}/datasets/rscbjbr9sj/2",
        layout="kermany",
        how=Archive(
            f"{_MENDELEY}/public-files/datasets/rscbjbr9sj/files/"
            "f12eaf6d-6023-432f-acc9-80c9d7393433/file_downloaded"
        ),
        studies="source of the viral and normal images of studies A and B",
        notes=(
            "The published validation split has 16 images only.",
            "Kaggle's paultimothymooney/chest-xray-pneumonia are the same images, twice in one download of 2.3 GB.",
        ),
    ),
    Collection(
        name="ozturk",
        title="COVID-19, no findings, pneumonia (Ozturk)",
        what="A small set of frontal X-rays in three classes.",
        images=1_125,
        classes={"Covid-19": 125, "No_findings": 500, "Pneumonia": 500},
        modality="X-ray",
        size_bytes=None,
        licence=None,
        citation="Ozturk et al. 2020, doi 10.1016/j.compbiomed.2020.103792",
        home=f"{_GITHUB}/muhammedtalo/COVID-19",
        layout="folders",
        how=Archive(f"{_GITHUB}/muhammedtalo/COVID-19/archive/refs/heads/master.zip"),
        inside="X-Ray Image DataSet",
        studies=None,
        notes=(
            "COVID-19 images are Cohen's (`cohen`), the others ChestX-ray8's: hospital and class cannot be "
            "separated.",
            "GitHub makes the archive on request: it has no checksum, and a broken download starts again.",
        ),
    ),
    Collection(
        name="tuberculosis",
        title="Tuberculosis (TB) Chest X-ray Database",
        what="X-rays with and without tuberculosis.",
        images=4_200,
        classes={"Normal": 3_500, "Tuberculosis": 700},
        modality="X-ray",
        size_bytes=None,
        licence=None,
        citation="Rahman et al. 2020, arXiv:2007.14895",
        home="https://www.kaggle.com/datasets/tawsifurrahman/tuberculosis-tb-chest-xray-dataset",
        layout="folders",
        how=Kaggle("tawsifurrahman/tuberculosis-tb-chest-xray-dataset"),
        studies="a source for the tuberculosis class of study D, which does not say which one it took",
        notes=("Gathered from several public databases; patients are not given.",),
    ),
)

COLLECTIONS: dict[str, Collection] = {collection.name: collection for collection in _ALL}


def get(name: str) -> Collection:
    """The collection of that name.

    Raises:
        DatasetError: there is none.
    """
    if name not in COLLECTIONS:
        raise DatasetError(
            f"There is no public collection {name[:80]!r}. Choose one of {', '.join(COLLECTIONS)}."
        )
    return COLLECTIONS[name]
