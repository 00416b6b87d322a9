"""Results in a folder, shard by shard, so that a run that was killed can go on."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common import UserError
from common.files import check_writable, content_of, locked, replacing, sha256_of
from common.images.listing import Source
from common.reading import Reading
from common.recognizer import DigitRecognizer

IMAGES_PER_SHARD = 500
MAX_NAMED = 10  # shards that one message names
MAX_JOB_BYTES = 10**7  # of job.json; ten million images take 1.5 MB

Shard = tuple[int, list[Source]]
"""The number of a shard, and its images."""

Done = tuple[int, list[Reading]]
"""The same shard, read."""


@dataclass(frozen=True)
class Job:
    """What decides the content of the shards; kept beside them as `job.json`.

    Attributes:
        images: how many there are, `names_sha256` the hash of their names in order.
        states_sha256: for each shard, the hash of the sizes and modification times of its images.
        model_sha256: of the model file.
        temperature: of its card.
        finder_sha256: Hash of the finder's file.
        min_confidence, top: as of `predict_image.py`.
        form: "jsonl" or "parquet", which is the suffix of the shards, too.
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
        [_state_of(shard) for _, shard in shards_of(sources)],
        sha256_of(predictor.path),
        predictor.temperature,
        sha256_of(recognizer.setup.finder),
        recognizer.setup.min_confidence,
        top,
        form,
    )


def shards_of(sources: list[Source]) -> list[Shard]:
    """The sources in shards of `IMAGES_PER_SHARD`, numbered from 0."""
    starts = range(0, len(sources), IMAGES_PER_SHARD)
    return [
        (number, sources[start : start + IMAGES_PER_SHARD]) for number, start in enumerate(starts)
    ]


def _state_of(sources: list[Source]) -> str:
    """A hash that differs after a file was changed; an address has no state but its name."""
    states = hashlib.sha256()
    for _, source in sources:
        state = ""
        if isinstance(source, Path):
            try:
                status = os.stat(source)
                state = f"{status.st_size} {status.st_mtime_ns}"
            except (OSError, ValueError):  # a row with an error, until it can be looked at
                state = "unreadable"
        states.update(state.encode() + b"\n")
    return states.hexdigest()


def in_order(done: Iterable[Done]) -> Iterator[Reading]:
    """The readings of all shards in the order of their numbers, which start at 0."""
    early: dict[int, list[Reading]] = {}
    wanted = 0
    for number, readings in done:
        early[number] = readings
        while wanted in early:
            yield from early.pop(wanted)
            wanted += 1


class ShardFolder:
    """A folder of shards: `part-00000.jsonl` has the first 500 images, and so on.

    Each shard appears in one step when all of it is read, so that whatever the moment of a crash,
    no image is there twice or in half.

    Args:
        folder: is made where it is missing.
        job: what is read, and how.
        resume: go on where an earlier run of the same job stopped.

    Raises:
        UserError: the folder holds results and is not to be resumed, or those of another job, or
            of images that have changed since, or it cannot be written to.
    """

    def __init__(self, folder: Path, job: Job, resume: bool) -> None:
        self.folder, self.job = folder, job
        check_writable(folder)
        refusal = UserError(f"Another command is writing to {folder}: wait for its end.")
        self.lock = locked(folder / ".lock", refusal)  # until this process ends
        for left in (*folder.glob(".*.part-*"), *folder.glob(".*.job.json")):
            left.unlink()  # of a command that was killed
        earlier = self._earlier()
        if earlier is not None and not resume:
            raise UserError(
                f"{folder} holds results already. Go on with them: --resume. Or give another "
                "--output."
            )
        if earlier is not None:
            self._check_same(earlier)
        # Shards that are missing are read as their images are now.
        with replacing(folder / "job.json") as temporary:
            temporary.write_text(json.dumps(asdict(job), indent=2) + "\n", encoding="utf-8")

    def _check_same(self, earlier: dict[str, Any]) -> None:
        now = asdict(self.job)
        states = now.pop("states_sha256")
        earlier_states: Any = earlier.get("states_sha256")
        changed = [key for key, value in now.items() if earlier.get(key) != value]
        if not isinstance(earlier_states, list) or len(earlier_states) != len(states):
            changed.append("states_sha256")
        if changed:
            raise UserError(
                f"{self.folder} holds the results of another job; different: {', '.join(changed)}."
            )
        paths = [
            self.path(number).name
            for number, (state, before) in enumerate(zip(states, earlier_states, strict=True))
            if state != before and self.path(number).exists()
        ]
        if paths:
            more = f" and {len(paths) - MAX_NAMED} more" if len(paths) > MAX_NAMED else ""
            raise UserError(
                f"Images have changed since these shards of {self.folder} were read: "
                f"{', '.join(paths[:MAX_NAMED])}{more}. Delete these shards to read them again, or "
                "give another --output."
            )

    def _earlier(self) -> dict[str, Any] | None:
        path = self.folder / "job.json"
        if not path.exists():
            if any(self.folder.glob("part-*")):
                raise UserError(f"{self.folder} holds shards of a job, but no job.json.")
            return None
        try:
            return dict(json.loads(content_of(path, MAX_JOB_BYTES)))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise UserError(
                f"{path} is damaged ({error}). Delete the folder, or give another --output."
            ) from error

    def missing(self, sources: list[Source]) -> list[Shard]:
        """The shards that are not there yet: their numbers and their sources."""
        return [shard for shard in shards_of(sources) if not self.path(shard[0]).exists()]

    def path(self, number: int) -> Path:
        """The file of a shard."""
        return self.folder / f"part-{number:05d}.{self.job.form}"

    def write(self, number: int, readings: Iterable[Reading]) -> None:
        """Writes a shard.

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
