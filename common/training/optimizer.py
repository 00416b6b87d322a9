"""Creates the optimizer and the learning rate schedule of a training run."""

from common.backend import keras
from common.training.recipes import Recipe


def optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    """Returns the optimizer with its learning rate schedule, for `steps` steps per epoch."""
    total = steps * recipe.epochs
    warm_up = max(1, round(recipe.warm_up * total))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=recipe.learning_rate / 25,
        warmup_target=recipe.learning_rate,
        warmup_steps=warm_up,
        decay_steps=max(1, total - warm_up),
        alpha=0.001,
    )
    return keras.optimizers.AdamW(
        schedule,
        weight_decay=recipe.weight_decay,
        beta_1=recipe.beta_1,
        beta_2=recipe.beta_2,
    )
