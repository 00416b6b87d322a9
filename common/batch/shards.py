"""Writes results to a folder in shards, so that an interrupted run can be resumed."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from common import UserError
from common.files import check_writable, content_of, exclusive_lock, replacing, sha256_of
from common.images.contents import split_page
from common.images.listing import Source
from common.reading import Reading, ReadingRecord
from common.recognizer import DigitRecognizer

IMAGES_PER_SHARD = 500
MAX_SHARDS_IN_MESSAGE = 10
MAX_JOB_BYTES = 10**7  # limit for job.json, which takes 1.5 MB for ten million images

DIFFERENCES = {
    "images": "the number of images",
    "names_sha256": "the list of images",
    "model_sha256": "the classifier",
    "temperature": "the classifier's temperature",
    "finder_sha256": "the finder",
    "min_confidence": "--min-confidence",
    "top": "--top",
    "form": "the format",
    "fields": "the field file or its template",
    "fields_sha256": "the field file or its template",
}
"""Names of the attributes of a `Job` in error messages. `states_sha256` has messages of its own."""

Shard = tuple[int, list[Source]]
"""The number of a shard, from 0, and its images."""

Done = tuple[int, list[Reading]]
"""The number of a shard and the readings of its images."""


@dataclass(frozen=True)
class Job:
    """Everything that determines the content of the shards. It is saved beside them as `job.json`.

    Attributes:
        images: Number of images.
        names_sha256: Hash of the absolute paths and the addresses of the images, in order.
        states_sha256: For each shard, a hash of the sizes and modification times of its images.
        model_sha256: Hash of the classifier's file.
        temperature: Temperature on the classifier's card, or 1 without a card.
        finder_sha256: Hash of the finder's file.
        min_confidence: Value of `--min-confidence`.
        top: Value of `--top`.
        form: Format and suffix of the shards, "jsonl" or "parquet".
        fields: Names of the fields in the field file; empty without `--fields`.
        fields_sha256: Hash of the field file and its template; None without `--fields`.
    """

    images: int
    names_sha256: str
    states_sha256: list[str]
    model_sha256: str
    temperature: float
    finder_sha256: str
    min_confidence: float
    top: int
    form: str
    fields: tuple[str, ...] = ()
    fields_sha256: str | None = None


def job_of(sources: list[Source], recognizer: DigitRecognizer, top: int, form: str) -> Job:
    """Creates the job that reads the given images.

    Args:
        sources: The images to read.
        recognizer: The recognizer that reads the images.
        top: Number of alternatives to save for each digit.
        form: Format of the shards, "jsonl" or "parquet".

    Raises:
        UserError: An image comes from stdin. A resumed run could not read it again.
    """
    names = hashlib.sha256()
    for name, source in sources:
        if isinstance(source, bytes):
            raise UserError(
                '"-" (an image from stdin) cannot be used with --output: name files or addresses.'
            )
        place = os.path.abspath(name) if isinstance(source, Path) else name
        names.update(place.encode("utf-8", "surrogatepass") + b"\n")
    predictor = recognizer.predictor
    return Job(
        len(sources),
        names.hexdigest(),
        [_state_of(shard) for _, shard in shards_of(sources)],
        sha256_of(predictor.path),
        predictor.temperature,
        sha256_of(recognizer.setup.finder),
        recognizer.setup.min_confidence,
        top,
        form,
        recognizer.setup.field_names,
        recognizer.setup.form_sha256,
    )


def shards_of(sources: list[Source]) -> list[Shard]:
    """Splits images into shards of `IMAGES_PER_SHARD` images, numbered from 0."""
    starts = range(0, len(sources), IMAGES_PER_SHARD)
    return [
        (number, sources[start : start + IMAGES_PER_SHARD]) for number, start in enumerate(starts)
    ]


def _state_of(sources: list[Source]) -> str:
    """Returns a hash of the sizes and modification times of local files. Addresses are ignored."""
    states = hashlib.sha256()
    for _, source in sources:
        state = ""
        if isinstance(source, Path):
            try:
                status = os.stat(split_page(source)[0])
                state = f"{status.st_size} {status.st_mtime_ns}"
            except (OSError, ValueError):  # the error is reported later, when the image is read
                state = "unreadable"
        states.update(state.encode() + b"\n")
    return states.hexdigest()


def in_order(done: Iterable[Done]) -> Iterator[Reading]:
    """Sorts shards that arrive in any order, and yields their readings in the original order."""
    waiting: dict[int, list[Reading]] = {}
    expected = 0
    for number, readings in done:
        waiting[number] = readings
        while expected in waiting:
            yield from waiting.pop(expected)
            expected += 1


class ShardFolder:
    """A folder of shards: `part-00000.jsonl` holds the readings of the first 500 images, and so on.

    Each shard is written atomically after all of its images have been read. A crash never leaves a
    duplicate or an incomplete reading.

    Args:
        folder: The folder. It is created if missing.
        job: The job whose results the folder holds.
        resume: Whether to continue an earlier run of the same job.

    Raises:
        UserError: The folder is not writable, another process is writing to it, or it holds results
            that cannot be continued: `resume` is False, they belong to a different job, or images
            have changed.
    """

    def __init__(self, folder: Path, job: Job, resume: bool) -> None:
        self.folder, self.job = folder, job
        check_writable(folder)
        refusal = UserError(
            f"Another command is writing to {folder}: wait until it ends, or choose another "
            "--output."
        )
        self.lock = exclusive_lock(folder / ".lock", refusal)  # held until this process ends
        for temporary in (*folder.glob(".*.part-*"), *folder.glob(".*.job.json")):
            temporary.unlink()  # a killed process has left this file behind
        earlier = self._earlier_job()
        if earlier is not None and not resume:
            raise UserError(
                f"{folder} already holds results. Continue with --resume, or choose another "
                "--output."
            )
        if earlier is not None:
            self._check_same(earlier)
        # Save the job again, since images of unwritten shards may have changed since then.
        with replacing(folder / "job.json") as temporary:
            temporary.write_text(json.dumps(asdict(job), indent=2) + "\n", encoding="utf-8")

    def _check_same(self, earlier: dict[str, Any]) -> None:
        """Raises a UserError if the earlier job differs, or if images of written shards changed."""
        now = json.loads(json.dumps(asdict(self.job)))  # converts tuples to lists, as in job.json
        states = now.pop("states_sha256")
        earlier_states: Any = earlier.get("states_sha256")
        changed = [DIFFERENCES[key] for key, value in now.items() if earlier.get(key) != value]
        if not isinstance(earlier_states, list) or len(earlier_states) != len(states):
            changed.append(DIFFERENCES["names_sha256"])
        if changed:
            raise UserError(
                f"{self.folder} holds the results of a different job. Differences: "
                f"{', '.join(dict.fromkeys(changed))}. Repeat the original command, or choose "
                "another --output."
            )
        paths = [
            self.path(number).name
            for number, (state, before) in enumerate(zip(states, earlier_states, strict=True))
            if state != before and self.path(number).exists()
        ]
        if paths:
            names = ", ".join(paths[:MAX_SHARDS_IN_MESSAGE])
            if len(paths) > MAX_SHARDS_IN_MESSAGE:
                names += f" and {len(paths) - MAX_SHARDS_IN_MESSAGE} more"
            raise UserError(
                f"Images have changed since these files in {self.folder} were written: {names}. "
                "Delete these files to have their images read again, or choose another --output."
            )

    def _earlier_job(self) -> dict[str, Any] | None:
        """Returns the job that `job.json` describes, or None if the folder holds no results."""
        path = self.folder / "job.json"
        if not path.exists():
            if any(self.folder.glob("part-*")):
                raise UserError(
                    f"{self.folder} holds results, but no job.json. Delete the results, or choose "
                    "another --output."
                )
            return None
        try:
            return dict(json.loads(content_of(path, MAX_JOB_BYTES)))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise UserError(
                f"{path} is damaged ({error}). Delete the folder, or choose another --output."
            ) from error

    def missing(self, sources: list[Source]) -> list[Shard]:
        """Splits the images of the job into shards, and returns the shards without a file."""
        return [shard for shard in shards_of(sources) if not self.path(shard[0]).exists()]

    def path(self, number: int) -> Path:
        """Returns the path of a shard."""
        return self.folder / f"part-{number:05d}.{self.job.form}"

    def write(self, number: int, readings: Iterable[Reading]) -> None:
        """Writes the readings of a shard to its file.

        Args:
            number: The number of the shard.
            readings: The readings of the images in the shard, in order.

        Raises:
            UserError: The file cannot be written.
        """
        records = [reading.as_dict(self.job.top) for reading in readings]
        with replacing(self.path(number)) as temporary:
            if self.job.form == "jsonl":
                lines = (json.dumps(record) + "\n" for record in records)
                temporary.write_text("".join(lines), encoding="utf-8")
            else:
                write_parquet(records, temporary, self.job.fields)


def write_parquet(records: list[dict[str, Any]], path: Path, fields: tuple[str, ...] = ()) -> None:
    """Writes readings to a Parquet file, whose columns do not depend on the readings.

    Args:
        records: The readings as dictionaries; see `Reading.as_dict`.
        path: The file to write.
        fields: Names of the fields of a form. If there are any, the file has a column `fields`, a
            struct with one member for each field.
    """
    # Imported here: only --parquet needs it.
    import pyarrow as pa
    from pyarrow import parquet

    hints = get_type_hints(ReadingRecord)
    columns = [(name, _arrow_type(hint)) for name, hint in hints.items()]
    if fields:
        # Imported here: only --fields needs it.
        from common.forms.reading import FieldRecord

        field = _arrow_type(FieldRecord)
        columns.append(("fields", pa.struct([(name, field) for name in fields])))
    schema = pa.schema(columns)
    parquet.write_table(pa.Table.from_pylist(records, schema), path)


def _arrow_type(hint: Any) -> Any:
    """Converts a type hint to an Arrow type. Ignores `| None`, since Arrow types are nullable."""
    import pyarrow as pa

    arguments = [argument for argument in get_args(hint) if argument is not NoneType]
    if get_origin(hint) is list:
        return pa.list_(_arrow_type(arguments[0]))
    if arguments:  # a type such as `float | None`
        return _arrow_type(arguments[0])
    if is_dataclass(hint):
        fields = get_type_hints(hint).items()
        return pa.struct([(name, _arrow_type(field)) for name, field in fields])
    return {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}[hint]
