"""Time a Keras model: python -m benchmarks.rivals.network MODEL predict|function SIZE.

Prints the time in seconds that `model.predict` or a `tf.function` takes for MNIST's 10,000 test
images, in batches of SIZE.
"""

import sys
import time

import keras
import tensorflow as tf

from common.data.datasets import load_mnist


def main() -> None:
    """Runs all images twice and prints the time of the second run; the first one compiles."""
    network = keras.models.load_model(sys.argv[1])
    size = int(sys.argv[3])
    images = load_mnist().test_images[..., None].astype("float32") / 255
    if sys.argv[2] == "predict":

        def work() -> None:
            network.predict(images, batch_size=size, verbose=0)
    else:
        compiled = tf.function(lambda part: network(part, training=False))
        parts = [tf.constant(images[i : i + size]) for i in range(0, len(images), size)]

        def work() -> None:
            for part in parts:
                compiled(part).numpy()

    work()
    started = time.perf_counter()
    work()
    print(time.perf_counter() - started)


if __name__ == "__main__":
    main()
