"""Writes the results of a training run."""

from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from platform import python_version
from shutil import copyfile

from common.backend import keras
from common.evaluation import plots
from common.files import replacing
from common.storage.card import ModelCard
from common.storage.saving import save_model
from common.training.classifier import Result
from common.training.recipes import Run, run_command


def write_results(run: Run, result: Result, stem: Path, plots_folder: Path) -> None:
    """Writes the three model files, the two plots and the history of a training run.

    The plots and the history go to a folder of their own, named after the model. Copies of the
    plots of the last training are in `plots_folder` itself.
    """
    card = ModelCard(
        network=run.recipe.network,
        preset=run.preset,
        command=run_command(run),
        data=run.data,
        data_sha256=run.data_sha256,
        seed=run.seed,
        epochs=run.recipe.epochs,
        train_images=result.train_images,
        seconds=round(result.seconds, 1),
        validation_accuracy=result.history[-1]["val_accuracy"],
        test_accuracy=result.test.accuracy,
        test_loss=result.test.loss,
        temperature=result.temperature,
        validation_split=run.validation_split,
        start=run.start,
        own=run.own,
        versions={"python": python_version()}
        | {name: metadata.version(name) for name in ("keras", keras.backend.backend(), "numpy")},
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    save_model(result.network, stem, card)
    title = f"{run.recipe.network} on {Path(run.data).name}"
    folder = plots_folder / stem.name
    plots.plot_accuracy(result.history, result.test.accuracy, title, folder / "accuracy.png")
    plots.plot_loss(result.history, result.test.loss, title, folder / "loss.png")
    plots.save_history(result.history, folder / "history.csv")
    for name in ("accuracy.png", "loss.png"):
        with replacing(plots_folder / name) as temporary:
            copyfile(folder / name, temporary)
