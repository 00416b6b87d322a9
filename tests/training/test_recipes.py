from dataclasses import asdict, replace

from common.data.datasets import Dataset
from common.training.recipes import PRESETS, Recipe, Run, adapted, new_run, run_command


def test_small_data_sets_train_for_more_epochs_with_augmentation() -> None:
    recipe = Recipe("mlp", epochs=2, batch_size=100, learning_rate=0.1)
    assert adapted(recipe, 54_000) == recipe
    assert adapted(recipe, 950) == replace(recipe, epochs=40, augment=True)


def test_options_override_the_preset(digits: Dataset) -> None:
    run = new_run(digits, network="mlp", epochs=3, learning_rate=0.5, seed=4)
    assert (run.preset, run.recipe.network, run.seed) == ("classic", "mlp", 4)
    assert (run.recipe.epochs, run.recipe.learning_rate) == (3, 0.5)
    assert new_run(digits).recipe.network == "deep_cnn"
    assert new_run(digits, preset="fast").recipe.augment


def test_a_run_can_be_stored_as_json() -> None:
    run = Run("fast", PRESETS["fast"], "digits", "0" * 64, seed=3)
    assert Run.from_dict(asdict(run)) == run


def test_the_command_of_a_run_has_only_the_options_that_differ_from_the_preset() -> None:
    run = Run("fast", replace(PRESETS["fast"], epochs=7), "my digits", "0", seed=3)
    assert run_command(run) == (
        "python train_model.py --preset fast --seed 3 --epochs 7 --data 'my digits'"
    )
