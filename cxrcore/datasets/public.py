"""Public collections as they unpack, one record each."""

from cxrcore.datasets.record import Record

# The labels of CheXpert's labeller; MIMIC-CXR-JPG has the same.
_CHEXPERT = (
    "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion",
    "Airspace Opacity", "Edema", "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax",
    "Pleural Effusion", "Pleural Other", "Fracture", "Support Devices",
)  # fmt: skip
_XRAY = {"modality": "xray"}

CHESTXRAY14 = Record(
    name="chestxray14",
    source="Wang et al. 2017, arXiv:1705.02315; https://nihcc.app.box.com/v/ChestXray-NIHCC",
    tables=("Data_Entry_2017*.csv",),
    needs=frozenset({"Image Index", "Finding Labels", "Patient ID"}),
    lists={"train_val_list.txt": "train", "test_list.txt": "test"},
    path="Image Index",
    label="Finding Labels",
    separator="|",
    columns={
        "patient_id": ("Patient ID",),
        "view": ("View Position",),
        "age": ("Patient Age",),
        "sex": ("Patient Gender", "Patient Sex"),
    },
    constants=_XRAY,
)
CHEXPERT = Record(
    name="chexpert",
    source="Irvin et al. 2019, arXiv:1901.07031",
    tables=("train.csv", "valid.csv", "test.csv", "*_labels.csv"),
    needs=frozenset({"Path", "Frontal/Lateral", "AP/PA"}),
    path="Path",
    labels=_CHEXPERT,
    columns={"view": ("AP/PA", "Frontal/Lateral"), "age": ("Age",), "sex": ("Sex",)},
    in_path=r"(?P<patient_id>patient\d+)/",
    split_of_table=True,
    constants=_XRAY,
)
RSNA = Record(
    name="rsna",
    source="Shih et al. 2019, doi 10.1148/ryai.2019180041; RSNA Pneumonia Detection Challenge 2018",
    tables=("stage_*_train_labels.csv",),
    needs=frozenset({"patientId", "Target"}),
    joins={"stage_*_detailed_class_info.csv": ("patientId",)},
    path="patientId",
    label="Target",
    meaning={"label": {"1": "Lung Opacity", "0": "No Lung Opacity"}},
    columns={"patient_id": ("patientId",)},
    repeats=True,
    constants=_XRAY,
)
VINDR = Record(
    name="vindr",
    source="Nguyen et al. 2022, doi 10.1038/s41597-022-01498-w",
    tables=("train.csv", "annotations/annotations_*.csv", "annotations_*.csv"),
    needs=frozenset({"image_id", "class_name", "rad_id"}),
    path="image_id",
    label="class_name",
    reader="rad_id",
    split_of_table=True,
    repeats=True,
    constants={**_XRAY, "view": "PA"},  # all films are PA, as the paper says
)
MIMIC = Record(
    name="mimic-cxr-jpg",
    source="Johnson et al. 2019, arXiv:1901.07042; https://physionet.org/content/mimic-cxr-jpg",
    tables=("mimic-cxr-2*-metadata.csv", "mimic-cxr-2*-metadata.csv.gz"),
    needs=frozenset({"dicom_id", "subject_id", "study_id", "ViewPosition"}),
    joins={
        "mimic-cxr-2*-chexpert.csv*": ("subject_id", "study_id"),
        "mimic-cxr-2*-split.csv*": ("dicom_id",),
    },
    path="dicom_id",
    labels=_CHEXPERT,
    columns={"patient_id": ("subject_id",), "view": ("ViewPosition",), "split": ("split",)},
    constants=_XRAY,
)
COVIDX = Record(
    name="covidx",
    source="Wang, Lin and Wong 2020, doi 10.1038/s41598-020-76550-z; https://github.com/lindawangg/COVID-Net",
    tables=("*train*.txt", "*test*.txt", "*val*.txt", "labels/*COVIDx*.txt"),
    header=("patient", "file", "class", "source"),
    path="file",
    label="class",
    columns={"patient_id": ("patient",), "source": ("source",)},
    split_of_table=True,
    constants=_XRAY,
)
MONTGOMERY_SHENZHEN = Record(
    name="montgomery-shenzhen",
    source="Jaeger et al. 2014, doi 10.3978/j.issn.2223-4292.2014.11.20",
    in_path=r"(?P<patient_id>(?P<source>MCUCXR|CHNCXR)_\d+)_(?P<label>[01])\b",
    meaning={
        "label": {"0": "Normal", "1": "Tuberculosis"},
        "source": {"MCUCXR": "Montgomery", "CHNCXR": "Shenzhen"},
    },
    constants=_XRAY,
)
ACTUALMED = Record(
    name="actualmed",
    source="https://github.com/agchung/Actualmed-COVID-chestxray-dataset",
    tables=("metadata.csv",),
    needs=frozenset({"patientid", "finding", "imagename"}),
    path="imagename",
    label="finding",
    columns={"patient_id": ("patientid",), "view": ("view",), "modality": ("modality",)},
)
FIGURE1 = Record(
    name="figure1",
    source="https://github.com/agchung/Figure1-COVID-chestxray-dataset",
    tables=("metadata.csv",),
    needs=frozenset({"patientid", "finding", "originalfile"}),
    path="patientid",  # names the film: COVID-00003a and COVID-00003b are of one patient
    label="finding",
    columns={"view": ("view",), "modality": ("modality",), "age": ("age",), "sex": ("sex",)},
    in_path=r"(?P<patient_id>COVID-\d+)[a-z]?\.",
)
HANNOVER = Record(
    name="hannover",
    source="Winther et al. 2020, doi 10.6084/m9.figshare.12275009; "
    "https://github.com/ml-workgroup/covid-19-image-repository",
    tables=("data.csv",),
    needs=frozenset({"patient_id", "image_id", "admission_offset", "projection"}),
    path="image_id",
    columns={"patient_id": ("patient_id",), "view": ("projection",), "modality": ("modality",)},
    constants={"label": "COVID-19"},  # the collection has no other
)

RECORDS = {
    record.name: record
    for record in (
        CHESTXRAY14, CHEXPERT, RSNA, VINDR, MIMIC, COVIDX, MONTGOMERY_SHENZHEN, ACTUALMED, FIGURE1,
        HANNOVER,
    )
}  # fmt: skip
