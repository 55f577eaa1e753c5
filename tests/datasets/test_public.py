"""Public collections, laid out exactly as they unpack, against an independent reading by pandas."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cxrcore import datasets
from cxrcore.datasets import masks, public
from cxrcore.errors import DatasetError
from tests.helpers.dicom_files import dicom

TOLD = ["label", "patient_id", "source", "modality", "view", "split", "mask"]


def film(file: Path) -> None:
    """A film that only this path has."""
    rng = np.random.default_rng(list(str(file).encode()))
    pixels = rng.integers(0, 255, (20, 20))
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix in (".dcm", ".dicom"):
        file.write_bytes(dicom((pixels * 16).astype(np.uint16)))
    else:
        Image.fromarray(pixels.astype(np.uint8)).save(file)


def text(file: Path, content: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".gz":
        file.write_bytes(gzip.compress(content.encode()))
    else:
        file.write_text(content)
    return file


def found(root: Path, films: pd.DataFrame, **columns: object) -> pd.DataFrame:
    """The expected table: `path` and what is told, of files that exist."""
    films = films.assign(**columns).reindex(columns=["path", *TOLD])
    assert all((root / path).is_file() for path in films["path"])
    return films.set_index("path").sort_index()


def chestxray14(root: Path) -> pd.DataFrame:
    head = (
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
        "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n"
    )
    labels = ["No Finding", "Effusion", "No Finding", "Mass", "Effusion", "Mass"]
    names = [f"{1 + n // 2:08d}_{n % 2:03d}.png" for n in range(6)]
    lines = [
        f"{name},{label},{n % 2},{1 + n // 2},58,M,{('PA', 'AP')[n % 2]},9,9,0.1,0.1,\n"
        for n, (name, label) in enumerate(zip(names, labels, strict=True))
    ]
    for n, name in enumerate(names):
        film(root / f"images_{1 + n // 3:03d}" / "images" / name)
    file = text(root / "Data_Entry_2017_v2020.csv", head + "".join(lines))
    text(
        root / "BBox_List_2017.csv",
        f"Image Index,Finding Label,Bbox [x,y,w,h],,,\n{names[1]},Effusion,1,1,2,2,,,\n",
    )
    text(root / "train_val_list.txt", "\n".join(names[:4]))
    text(root / "test_list.txt", "\n".join(names[4:]) + "\n")
    table = pd.read_csv(file)
    places = {path.name: path.relative_to(root).as_posix() for path in root.rglob("*.png")}
    return found(
        root,
        table,
        path=table["Image Index"].map(places),
        label=table["Finding Labels"],
        patient_id=table["Patient ID"].astype(str),
        view=table["View Position"],
        split=np.where(table["Image Index"].isin(names[4:]), "test", "train"),
        modality="xray",
    )


def chexpert(root: Path) -> pd.DataFrame:
    base = root / "CheXpert-v1.0-small"
    head = "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Cardiomegaly,Pneumonia,Support Devices\n"
    rows = {
        "train": [("1/study1/view1_frontal", "Frontal,AP", "1.0,,,"), ("1/study1/view2_lateral", "Lateral,", "1.0,,,"),
                  ("2/study1/view1_frontal", "Frontal,PA", ",0.0,1.0,"), ("2/study2/view1_frontal", "Frontal,AP", ",1.0,0.0,")],
        "valid": [("9/study1/view1_frontal", "Frontal,AP", "0.0,0.0,1.0,0.0"), ("8/study1/view1_frontal", "Frontal,AP", "1.0,0.0,0.0,0.0")],
    }  # fmt: skip
    parts = []
    for split, lines in rows.items():
        content = head
        for place, view, findings in lines:
            path = f"CheXpert-v1.0-small/{split}/patient0000{place}.jpg"
            film(root / path)
            content += f"{path},Male,60,{view},{findings}\n"
        parts.append(pd.read_csv(text(base / f"{split}.csv", content)).assign(split=split))
    table = pd.concat(parts, ignore_index=True)
    return found(
        root,
        table,
        path=table["Path"],
        label=table[["No Finding", "Cardiomegaly", "Pneumonia"]].eq(1).idxmax(axis=1),
        patient_id=table["Path"].str.split("/").str[2],
        view=table["AP/PA"].mask(table["Frontal/Lateral"] == "Lateral", "L"),
        split=table["split"].replace("valid", "validation"),
        modality="xray",
    )


def rsna(root: Path) -> pd.DataFrame:
    ids = [f"0000000c-9f2c-{n:04d}" for n in range(6)]
    boxes = "".join(
        f"{name},1,2,3,4,1\n{name},5,6,7,8,1\n" if n % 2 else f"{name},,,,,0\n"
        for n, name in enumerate(ids)
    )
    for name in ids:
        film(root / "stage_2_train_images" / f"{name}.dcm")
    film(root / "stage_2_test_images" / "0000000c-unlabelled.dcm")
    file = text(root / "stage_2_train_labels.csv", "patientId,x,y,width,height,Target\n" + boxes)
    classes = "".join(
        f"{name},{'Lung Opacity' if n % 2 else 'Normal'}\n" * (1 + n % 2)
        for n, name in enumerate(ids)
    )
    text(root / "stage_2_detailed_class_info.csv", "patientId,class\n" + classes)
    table = pd.read_csv(file).drop_duplicates("patientId")
    return found(
        root,
        table,
        path="stage_2_train_images/" + table["patientId"] + ".dcm",
        label=table["Target"].map({0: "No Lung Opacity", 1: "Lung Opacity"}),
        patient_id=table["patientId"],
        modality="xray",
    )


def vindr(root: Path) -> pd.DataFrame:
    content = "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\n"
    for n in range(4):
        film(root / "train" / f"{n:032x}.dicom")
        for reader in ("R8", "R9", "R10"):
            name = "No finding" if n % 2 else "Cardiomegaly"
            content += f"{n:032x},{name},3,{reader},1,2,3,4\n" * (2 - n % 2)
    table = pd.read_csv(text(root / "train.csv", content), dtype={"image_id": str})
    votes = table.groupby("image_id")["class_name"].agg(lambda names: names.mode()[0]).reset_index()
    return found(
        root, votes, path="train/" + votes["image_id"] + ".dicom", label=votes["class_name"],
        view="PA", split="train", modality="xray",
    )  # fmt: skip


def mimic(root: Path) -> pd.DataFrame:
    films, studies, splits = [], [], []
    for n in range(6):
        subject, study, name = 10000032 + n // 2, 50414267 + n, f"02aa804e-bde0afdd-{n}"
        film(root / "files" / f"p{str(subject)[:2]}" / f"p{subject}" / f"s{study}" / f"{name}.jpg")
        films.append(f"{name},{subject},{study},{('PA', 'AP', 'LATERAL')[n % 3]}\n")
        studies.append(f"{subject},{study},{('1.0,,', ',1.0,0.0')[n % 2]}\n")
        splits.append(f"{name},{study},{subject},{('train', 'validate', 'test')[n % 3]}\n")
    prefix = "mimic-cxr-2.0.0-"
    meta = text(
        root / f"{prefix}metadata.csv.gz",
        "dicom_id,subject_id,study_id,ViewPosition\n" + "".join(films),
    )
    told = text(
        root / f"{prefix}chexpert.csv.gz",
        "subject_id,study_id,No Finding,Edema,Pneumonia\n" + "".join(studies),
    )
    parts = text(
        root / f"{prefix}split.csv.gz", "dicom_id,study_id,subject_id,split\n" + "".join(splits)
    )
    table = pd.read_csv(meta).merge(pd.read_csv(told)).merge(pd.read_csv(parts))
    subject = table["subject_id"].astype(str)
    return found(
        root,
        table,
        path="files/p" + subject.str[:2] + "/p" + subject + "/s" + table["study_id"].astype(str) + "/" + table["dicom_id"] + ".jpg",
        label=np.where(table["Edema"] == 1, "Edema", "No Finding"),
        patient_id=subject,
        view=table["ViewPosition"].replace("LATERAL", "L"),
        split=table["split"].replace("validate", "validation"),
        modality="xray",
    )  # fmt: skip


def covidx(root: Path) -> pd.DataFrame:
    parts = []
    for split in ("train", "test"):
        lines = ""
        for n in range(4):
            film(root / split / f"{split}-{n}.png")
            lines += f"ANON{n // 2} {split}-{n}.png {('positive', 'negative')[n % 2]} actmed\n"
        file = text(root / f"{split}_COVIDx9B.txt", lines)
        names = ["patient", "file", "label", "source"]
        parts.append(pd.read_csv(file, sep=" ", names=names).assign(split=split))
    table = pd.concat(parts, ignore_index=True)
    return found(
        root, table, path=table["split"] + "/" + table["file"], patient_id=table["patient"],
        modality="xray",
    )  # fmt: skip


def montgomery_shenzhen(root: Path) -> pd.DataFrame:
    rows = []
    for n in range(4):
        name = f"MCUCXR_{n:04d}_{n % 2}.png"
        base = root / "MontgomerySet"
        film(base / "CXR_png" / name)
        for side in ("leftMask", "rightMask"):
            film(base / "ManualMask" / side / name)
        text(base / "ClinicalReadings" / f"{name[:-4]}.txt", "Patient's Sex: F")
        mask = f"MontgomerySet/ManualMask/leftMask/{name}#and-right"
        rows.append((f"MontgomerySet/CXR_png/{name}", name, "Montgomery", mask))
        name = f"CHNCXR_{n:04d}_{n % 2}.png"
        film(root / "ChinaSet_AllFiles" / "CXR_png" / name)
        film(root / "mask" / f"{name[:-4]}_mask.png")
        mask = f"mask/{name[:-4]}_mask.png"
        rows.append((f"ChinaSet_AllFiles/CXR_png/{name}", name, "Shenzhen", mask))
    table = pd.DataFrame(rows, columns=["path", "name", "source", "mask"])
    return found(
        root,
        table,
        label=table["name"].str[-5].map({"0": "Normal", "1": "Tuberculosis"}),
        patient_id=table["name"].str[:11],
        modality="xray",
    )


def actualmed(root: Path) -> pd.DataFrame:
    content = "patientid,offset,sex,age,finding,survival,temperature,pO2 saturation,view,modality,imagename,artifacts/distortion,notes\n"
    for n in range(5):
        name = f"CR.1.2.840.113564.{n}.png"
        film(root / "images" / name)
        finding = ("COVID-19", "No finding", "")[n % 3]
        content += f'ANON{n // 2},,,,{finding},,,,{("PA", "AP")[n % 2]},X-ray,{name},,"a, b"\n'
    table = pd.read_csv(text(root / "metadata.csv", content)).dropna(subset="finding")
    return found(
        root, table, path="images/" + table["imagename"], label=table["finding"],
        patient_id=table["patientid"], modality="xray",
    )  # fmt: skip


def figure1(root: Path) -> pd.DataFrame:
    content = "patientid,offset,sex,age,finding,survival,temperature,pO2 saturation,view,modality,originalfile,artifacts/distortion,notes\n"
    for n, name in enumerate(("COVID-00001", "COVID-00003a", "COVID-00003b", "COVID-00004")):
        film(root / "images" / f"{name}.jpg")
        content += f"{name},,M,33,{('COVID-19', 'Pneumonia')[n % 2]},,,,AP erect,X-ray,x.jpeg,,\n"
    table = pd.read_csv(text(root / "metadata.csv", content))
    return found(
        root, table, path="images/" + table["patientid"] + ".jpg", label=table["finding"],
        patient_id=table["patientid"].str[:11], view="AP", modality="xray",
    )  # fmt: skip


def hannover(root: Path) -> pd.DataFrame:
    content = "patient_id,image_id,sex,age,admission_offset,modality,projection\n"
    for n in range(4):
        film(root / "png" / f"b343e65{n}.png")
        content += f"042f06a{n // 2},b343e65{n},m,,0,{('CR', 'DX')[n % 2]},{('ap', 'pa')[n % 2]}\n"
    table = pd.read_csv(text(root / "data.csv", content))
    return found(
        root, table, path="png/" + table["image_id"] + ".png", label="COVID-19",
        view=table["projection"].str.upper(), modality="xray",
    )  # fmt: skip


BUILDERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    "chestxray14": chestxray14,
    "chexpert": chexpert,
    "rsna": rsna,
    "vindr": vindr,
    "mimic-cxr-jpg": mimic,
    "covidx": covidx,
    "montgomery-shenzhen": montgomery_shenzhen,
    "actualmed": actualmed,
    "figure1": figure1,
    "hannover": hannover,
}


def test_every_record_is_tested():
    assert BUILDERS.keys() == public.RECORDS.keys()


@pytest.mark.parametrize("name", BUILDERS)
def test_a_collection_as_it_unpacks_is_read_as_pandas_reads_it(name, tmp_path):
    expected = BUILDERS[name](tmp_path / "set")
    dataset = datasets.register("films", tmp_path / "set")
    assert dataset.layout == name
    table = dataset.table.set_index("path")
    assert list(table.index) == list(expected.index)
    for column in TOLD:
        told = expected[column].astype("string").fillna("")
        assert table[column].fillna("").tolist() == told.tolist(), column
    assert datasets.load("films").table.equals(dataset.table)


def test_a_mask_of_each_lung_is_one_mask(tmp_path):
    montgomery_shenzhen(tmp_path)
    base = tmp_path / "MontgomerySet" / "ManualMask"
    left, right = np.zeros((2, 20, 20), np.uint8)
    left[5:15, 2:8] = right[5:15, 12:18] = 255
    for side, pixels in (("leftMask", left), ("rightMask", right)):
        Image.fromarray(pixels).save(base / side / "MCUCXR_0000_0.png")
    dataset = datasets.load(tmp_path)
    row = dataset.table[dataset.table["path"].str.endswith("MCUCXR_0000_0.png")].iloc[0]
    mask = dataset.mask_of(row)
    assert np.array_equal(masks.read(mask, (20, 20)), (left | right) > 0)
    assert masks.file_of(mask).is_file()


def test_two_versions_of_the_lists_are_asked_about(tmp_path):
    covidx(tmp_path)
    (tmp_path / "train_COVIDx9A.txt").write_text("ANON0 train-0.png COVID-19 actmed\n")
    with pytest.raises(DatasetError, match="several lists"):
        datasets.load(tmp_path)
    chosen = {"file": "train_COVIDx9B.txt,test_COVIDx9B.txt"}
    assert len(datasets.load(tmp_path, options=chosen).table) == 8


def test_the_detailed_classes_of_rsna_may_be_chosen(tmp_path):
    rsna(tmp_path)
    dataset = datasets.load(tmp_path, options={"label": "class"})
    assert dataset.counts().to_dict() == {"Lung Opacity": 3, "Normal": 3}
    assert "1 image is not listed in stage_2_train_labels.csv" in "\n".join(dataset.notes)
