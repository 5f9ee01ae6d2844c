"""TensorFlow, tf.data and a `GradientTape` in a `tf.function`.

From tensorflow.org: 'TensorFlow 2 quickstart for experts', 'Writing a training loop from scratch'.
"""

import time

import tensorflow as tf


def run(x, y, epochs, batch_size):
    model = tf.keras.Sequential(
        [
            tf.keras.Input(x.shape[1:]),
            tf.keras.layers.Conv2D(32, 3, activation="relu"),
            tf.keras.layers.MaxPooling2D(2),
            tf.keras.layers.Conv2D(64, 3, activation="relu"),
            tf.keras.layers.MaxPooling2D(2),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(128, activation="relu"),
            tf.keras.layers.Dense(10),
        ]
    )
    loss_function = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = tf.keras.optimizers.Adam(1e-3, epsilon=1e-8)
    train_loss = tf.keras.metrics.Mean()
    dataset = tf.data.Dataset.from_tensor_slices((x, y))
    dataset = dataset.shuffle(len(x)).batch(batch_size).prefetch(2)
    options = tf.data.Options()
    # Its thread can hold up the end of an epoch.
    options.autotune.enabled = False
    dataset = dataset.with_options(options)

    # The last batch may be smaller, and need not be traced again.
    @tf.function(reduce_retracing=True)
    def train_step(images, labels):
        with tf.GradientTape() as tape:
            loss = loss_function(labels, model(images, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        train_loss.update_state(loss, sample_weight=tf.shape(images)[0])

    times = [time.perf_counter()]
    for _ in range(epochs):
        train_loss.reset_state()
        for images, labels in dataset:
            train_step(images, labels)
        _ = float(train_loss.result())
        times.append(time.perf_counter())
    return times
