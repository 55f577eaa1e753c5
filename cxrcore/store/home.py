"""What an external test remembers of the run that it tests."""

from pydantic import BaseModel, ConfigDict


class Home(BaseModel):
    """What an external test tests: a run, the dataset it was trained on, and the labels elsewhere.

    `mapping` says which class each label of the other dataset stands for; "" for films left out.
    """

    model_config = ConfigDict(frozen=True)

    run_id: str
    dataset: str
    fingerprint: str
    mapping: dict[str, str]
