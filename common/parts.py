"""Results in a folder, part by part, so that a run that was killed can go on."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common import UserError
from common.files import check_writable, locked, replacing
from common.model_files import sha256_of
from common.recognizer import DigitRecognizer, Reading
from common.sources import Source

IMAGES_A_PART = 500

Part = tuple[int, list[Source]]
"""The number of a part, and its images."""

Done = tuple[int, list[Reading]]
"""The same part, read."""


@dataclass(frozen=True)
class Job:
    """What decides the content of the parts; kept beside them as `job.json`.

    Attributes:
        images: how many there are, `names_sha256` the hash of their names in order.
        model_sha256: of the model file.
        temperature: of its card.
        min_confidence, top: as of `predict_image.py`.
        form: "jsonl" or "parquet", which is the suffix of the parts, too.
    """

    images: int
    names_sha256: str
    model_sha256: str
    temperature: float
    min_confidence: float
    top: int
    form: str


def job_of(sources: list[Source], recognizer: DigitRecognizer, top: int, form: str) -> Job:
    """The job that reads the sources.

    Raises:
        UserError: a source is bytes, of which a later run could not know what they were.
    """
    names = hashlib.sha256()
    for name, source in sources:
        if isinstance(source, bytes):
            raise UserError('--output needs files or addresses: not stdin\'s bytes, that is "-".')
        place = os.path.abspath(name) if isinstance(source, Path) else name
        names.update(place.encode("utf-8", "surrogatepass") + b"\n")
    predictor = recognizer.predictor
    return Job(
        len(sources),
        names.hexdigest(),
        sha256_of(predictor.path),
        predictor.temperature,
        recognizer.min_confidence,
        top,
        form,
    )


def in_order(done: Iterable[Done]) -> Iterator[Reading]:
    """The readings of all parts in the order of their numbers, which start at 0."""
    early: dict[int, list[Reading]] = {}
    wanted = 0
    for number, readings in done:
        early[number] = readings
        while wanted in early:
            yield from early.pop(wanted)
            wanted += 1


class PartsFolder:
    """A folder of parts: `part-00000.jsonl` has the first 500 images, and so on.

    Each part appears in one step when all of it is read, so that whatever the moment of a crash,
    no image is there twice or in half.

    Args:
        folder: is made where it is missing.
        job: what is read, and how.
        resume: go on where an earlier run of the same job stopped.

    Raises:
        UserError: the folder holds results and is not to be resumed, or those of another job, or
            cannot be written to.
    """

    def __init__(self, folder: Path, job: Job, resume: bool) -> None:
        self.folder, self.job = folder, job
        check_writable(folder)
        refusal = UserError(f"Another command is writing to {folder}: wait for its end.")
        self.lock = locked(folder / ".lock", refusal)  # until this process ends
        for left in folder.glob(".*.part-*"):  # by one that was killed
            left.unlink()
        earlier = self._earlier()
        if earlier is not None and not resume:
            raise UserError(
                f"{folder} holds results already. Go on with them: --resume. Or give another "
                "--output."
            )
        if earlier is not None and earlier != asdict(job):
            changed = ", ".join(
                key for key, value in asdict(job).items() if earlier.get(key) != value
            )
            raise UserError(f"{folder} holds the results of another job; different: {changed}.")
        if earlier is None:
            with replacing(folder / "job.json") as temporary:
                temporary.write_text(json.dumps(asdict(job), indent=2) + "\n", encoding="utf-8")

    def _earlier(self) -> dict[str, Any] | None:
        path = self.folder / "job.json"
        if not path.exists():
            if any(self.folder.glob("part-*")):
                raise UserError(f"{self.folder} holds parts of a job, but no job.json.")
            return None
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise UserError(f"{path} is damaged ({error}).") from error

    def missing(self, sources: list[Source]) -> list[tuple[int, list[Source]]]:
        """The parts that are not there yet: their numbers and their sources."""
        starts = range(0, len(sources), IMAGES_A_PART)
        return [
            (number, sources[start : start + IMAGES_A_PART])
            for number, start in enumerate(starts)
            if not self.path(number).exists()
        ]

    def path(self, number: int) -> Path:
        """The file of a part."""
        return self.folder / f"part-{number:05d}.{self.job.form}"

    def write(self, number: int, readings: Iterable[Reading]) -> None:
        """Writes a part.

        Raises:
            UserError: it cannot be written.
        """
        records = [reading.as_dict(self.job.top) for reading in readings]
        with replacing(self.path(number)) as temporary:
            if self.job.form == "jsonl":
                lines = (json.dumps(record) + "\n" for record in records)
                temporary.write_text("".join(lines), encoding="utf-8")
            else:
                write_parquet(records, temporary)


def write_parquet(records: list[dict[str, Any]], path: Path) -> None:
    """Writes records as a Parquet file, the same columns whatever they hold."""
    # Imported here: only those who want Parquet need it.
    import pyarrow
    import pyarrow.parquet

    kinds = pyarrow
    alternative = kinds.struct([("digit", kinds.int8()), ("confidence", kinds.float64())])
    digit = kinds.struct(
        [
            ("digit", kinds.int8()),
            ("confidence", kinds.float64()),
            ("line", kinds.int32()),
            ("box", kinds.list_(kinds.int32())),
            ("alternatives", kinds.list_(alternative)),
        ]
    )
    schema = kinds.schema(
        [
            ("image", kinds.string()),
            ("text", kinds.string()),
            ("lines", kinds.list_(kinds.string())),
            ("digits", kinds.list_(digit)),
            ("error", kinds.string()),
        ]
    )
    pyarrow.parquet.write_table(kinds.Table.from_pylist(records, schema), path)
