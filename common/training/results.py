"""Writes the files of a completed training run."""

from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from platform import python_version
from shutil import copyfile

from common.backend import keras
from common.data.glyphs import material
from common.evaluation.architecture import save_architecture
from common.evaluation.history import Row, plot_accuracy, plot_loss, save_history
from common.files import replacing
from common.storage.card import FINDER, ModelCard
from common.storage.saving import save_model
from common.training.classifier import Result
from common.training.optimizer import optimizer
from common.training.recipes import Recipe, Run, run_command

STEPS = 1000  # steps per epoch with which `with_learning_rates` computes the learning rates


def write_results(run: Run, result: Result, stem: Path, plots_folder: Path) -> None:
    """Writes the model files, the plots, the history and the architecture of a training run.

    Args:
        run: The run that was trained.
        result: The result of the run.
        stem: Path of the model files without suffix.
        plots_folder: Folder for plots. A sub-folder with the name of the model gets all files
            except the model; the folder itself gets copies of the plots of accuracy and loss.
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
        material=material() if run.recipe.network == FINDER else None,
        versions={"python": python_version()}
        | {name: metadata.version(name) for name in ("keras", keras.backend.backend(), "numpy")},
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )
    save_model(result.network, stem, card)
    title = f"{run.recipe.network} on {Path(run.data).name}"
    folder = plots_folder / stem.name
    history = with_learning_rates(result.history, run.recipe)
    plot_accuracy(history, result.test.accuracy, title, folder / "accuracy.png")
    plot_loss(history, result.test.loss, title, folder / "loss.png")
    save_history(history, folder / "history.csv")
    files = (folder / f"architecture{suffix}" for suffix in (".png", ".txt"))
    save_architecture(result.network, run.recipe.network, *files)
    for name in ("accuracy.png", "loss.png"):
        with replacing(plots_folder / name) as temporary:
            copyfile(folder / name, temporary)


def with_learning_rates(history: list[Row], recipe: Recipe) -> list[Row]:
    """Adds the learning rate to each row of a history, as given by the schedule of the recipe."""
    schedule = optimizer(recipe, STEPS)
    rows = []
    for row in history:
        schedule.iterations.assign(round(row["epoch"] * STEPS))
        rows.append(
            row | {"learning_rate": float(keras.ops.convert_to_numpy(schedule.learning_rate))}
        )
    return rows
