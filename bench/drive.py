"""Time one training script in this fresh process; print its epochs in seconds and its peak memory.

`drive.py generated|handwritten SCRIPT FOLDER EPOCHS ARGUMENTS`, where ARGUMENTS is JSON with
the shim, whose thread settings hold for both, the threads, the cpus, and `run`'s arguments.
"""

import importlib.util
import json
import os
import sys
import time


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def generated(script, x, y, epochs):
    """Call what the script's own main part calls; the hook takes the time."""
    data = script.prepare(x, y)
    model = script.build()
    times = [time.perf_counter()]

    def on_epoch(epoch, loss):
        float(loss)
        times.append(time.perf_counter())

    script.train(model, data, epochs, on_epoch)
    return times


def main(kind, path, folder, epochs, arguments):
    arguments = json.loads(arguments)
    os.sched_setaffinity(0, arguments["cpus"])
    load("shim", arguments["shim"]).configure(arguments["threads"], "float32", "cpu")
    script = load("script", path)

    import numpy as np

    with np.load(f"{folder}/data.npz") as arrays:
        x, y = arrays["x_train"], arrays["y_train"]
    if kind == "generated":
        times = generated(script, x, y, int(epochs))
    else:
        times = script.run(x, y, int(epochs), **arguments["run"])
    assert len(times) == int(epochs) + 1
    seconds = [after - before for before, after in zip(times, times[1:])]  # noqa: B905, RUF007
    peak = load("own_process", arguments["own_process"]).peak_bytes()
    print("epochs", *seconds, peak)


if __name__ == "__main__":
    main(*sys.argv[1:])
