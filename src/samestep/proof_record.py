"""What a proof says about one framework, as it is shown, saved and compared."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

ProofVerdict = Literal["identical", "equivalent", "different", "unsupported", "failed"]
PROVED: tuple[ProofVerdict, ...] = ("identical", "equivalent")
RungName = Literal["forward", "loss", "gradient", "step", "trajectory"]


def _finite_or_text(value: float) -> float | str:
    """JSON knows no infinity; pydantic reads the text back as the number it names."""
    return value if abs(value) < float("inf") else str(value)


Error = Annotated[float, PlainSerializer(_finite_or_text, when_used="json")]


class Record(BaseModel):
    """Base of the records: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rung(Record):
    """One rung of the ladder: its largest relative error, and where (parameter or epoch)."""

    name: RungName
    error: Error
    where: str = ""
    passed: bool


class Audit(Record):
    """Whether the framework's own pipeline feeds the rows that the experiment says."""

    passed: bool
    problems: list[str] = Field(default_factory=list)
    rows: int | None = None
    """How many rows it fed, the first of the training; all of them if None."""


class DropoutCheck(Record):
    """Whether one training step shows dropout as the experiment says, by its statistics."""

    passed: bool
    problems: list[str] = Field(default_factory=list)


class Shift(Record):
    """How far the causes move weights, test logits and test loss by the trajectory's end.

    All three are relative, by the reference alone: with the causes against without.
    """

    weights: Error
    logits: Error
    loss: Error


class FrameworkProof(Record):
    """The verdict on one framework.

    `rungs` are the errors against the experiment's own meaning; `rungs_with_causes`
    those against the reference with `causes` switched on (verdict `equivalent` alone).
    `departs` is the first rung that departs, or "dropout", or "audit".
    """

    verdict: ProofVerdict
    rungs: list[Rung] = Field(default_factory=list)
    rungs_with_causes: list[Rung] = Field(default_factory=list)
    causes: list[str] = Field(default_factory=list)
    shift: Shift | None = None
    audit: Audit | None = None
    dropout: DropoutCheck | None = None
    departs: str | None = None
    stage: str = ""
    message: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    key: str = ""

    def judged_rungs(self) -> dict[RungName, Rung]:
        """The rungs that the verdict rests on: with the causes switched on, where there are any."""
        return {rung.name: rung for rung in (*self.rungs, *self.rungs_with_causes)}
