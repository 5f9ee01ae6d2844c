"""Keras 3, `compile` and `fit`; the backend is chosen by KERAS_BACKEND.

From keras.io: 'Simple MNIST convnet', 'Training & evaluation with the built-in methods' (arrays,
and tf.data pipelines on TensorFlow), 'Writing your own callbacks'.
"""

import time

import keras
from keras import layers


class EpochTimes(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.times = [time.perf_counter()]

    def on_epoch_end(self, epoch, logs=None):
        self.times.append(time.perf_counter())


def run(x, y, epochs, batch_size):
    model = keras.Sequential(
        [
            keras.Input(x.shape[1:]),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=1e-3, epsilon=1e-8),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    times = EpochTimes()
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        dataset = tf.data.Dataset.from_tensor_slices((x, y))
        dataset = dataset.shuffle(len(x)).batch(batch_size).prefetch(2)
        options = tf.data.Options()
        # Its thread can hold up the end of an epoch.
        options.autotune.enabled = False
        dataset = dataset.with_options(options)
        model.fit(dataset, epochs=epochs, verbose=0, callbacks=[times])
    else:
        model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0, callbacks=[times])
    return times.times
