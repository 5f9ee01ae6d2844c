import tomllib
from pathlib import Path

import numpy as np
import pytest
from conftest import WriteExperiment
from hypothesis import given
from hypothesis import strategies as st

from samestep.datasets import load_dataset
from samestep.errors import BadInput
from samestep.experiment import Training
from samestep.experiment_file import load_experiment
from samestep.plan import (
    PROOF_BATCHES,
    PROOF_EPOCHS,
    Plan,
    draw_orders,
    draw_weights,
    make_plan,
    split_batches,
)

ROWS = st.integers(1, 300)
BATCH = st.integers(1, 400)


def plan_of(*overrides: str, name: str = "iris-mlp") -> Plan:
    return make_plan(load_experiment(name, overrides))


def training(shuffle: str) -> Training:
    return load_experiment("iris-mlp", [f"training.shuffle={shuffle}"]).training


@given(ROWS, BATCH)
def test_kept_batches_cover_every_row_once(rows: int, size: int) -> None:
    order = np.random.default_rng(0).permutation(rows)
    batches = split_batches(order, size, "keep")
    np.testing.assert_array_equal(np.concatenate(batches), order)
    assert all(len(batch) == size for batch in batches[:-1])
    assert 1 <= len(batches[-1]) <= size


@given(ROWS, BATCH)
def test_dropping_loses_only_the_rest(rows: int, size: int) -> None:
    order = np.arange(rows)
    batches = split_batches(order, size, "drop")
    assert all(len(batch) == size for batch in batches)
    assert len(batches) == rows // size


@given(ROWS, st.sampled_from(["each_epoch", "once", "never"]), st.integers(0, 99))
def test_orders_are_permutations(rows: int, shuffle: str, seed: int) -> None:
    orders = draw_orders(rows, training(shuffle), np.random.default_rng(seed))
    assert orders.shape == (PROOF_EPOCHS, rows)
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(rows))
    if shuffle != "each_epoch":
        assert (orders == orders[0]).all()
    if shuffle == "never":
        np.testing.assert_array_equal(orders[0], np.arange(rows))


def test_each_epoch_has_an_order_of_its_own() -> None:
    orders = draw_orders(50, training("each_epoch"), np.random.default_rng(0))
    assert len({tuple(order) for order in orders.tolist()}) == PROOF_EPOCHS


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 99))
def test_weights_are_glorot_uniform_and_fit_into_float32(rows: int, units: int, seed: int) -> None:
    shapes: dict[str, tuple[int, ...]] = {"d.kernel": (rows, units), "d.bias": (units,)}
    weights = draw_weights(shapes, np.random.default_rng(seed))
    kernel = weights["d.kernel"]
    assert np.abs(kernel).max() <= np.sqrt(6 / (rows + units)) * (1 + 1e-6)
    np.testing.assert_array_equal(kernel, kernel.astype(np.float32))
    assert not weights["d.bias"].any()


def test_glorot_uniform_has_the_right_spread() -> None:
    kernel = draw_weights({"d.kernel": (300, 200)}, np.random.default_rng(0))["d.kernel"]
    assert kernel.std() == pytest.approx(np.sqrt(2 / 500), rel=0.01)


def test_digest_is_the_same_on_two_runs() -> None:
    assert plan_of().digest == plan_of().digest


@pytest.mark.parametrize(
    "override",
    [
        "training.seed=1",
        "model.1.units=11",
        "model.1.activation=tanh",
        "data.test=44",
        "data.standardize=false",
        "training.epochs=99",
        "training.batch_size=6",
        "training.optimizer.learning_rate=0.002",
        "training.optimizer.name=sgd",
        "training.precision=float64",
        "training.shuffle=never",
        "training.last_batch=drop",
    ],
)
def test_digest_changes_with_what_is_trained(override: str) -> None:
    assert plan_of(override).digest != plan_of().digest


def test_digest_changes_with_one_number_of_the_data(write_experiment: WriteExperiment) -> None:
    path = write_experiment(data='path = "mine.csv"\nlabel = "kind"\ntest = 0.3', classes=2)
    text = "a,kind\n" + "".join(f"{i},{i % 2}\n" for i in range(20))
    digests = set()
    for content in (text, text.replace("19,", "19.5,")):
        (path.parent / "mine.csv").write_text(content)
        digests.add(make_plan(load_experiment(str(path))).digest)
    assert len(digests) == 2


def test_digest_leaves_out_the_title() -> None:
    assert plan_of("title=Another").digest == plan_of().digest


def test_a_worker_can_read_the_plan_without_samestep(own_cache: Path) -> None:
    plan = plan_of()
    assert plan.folder.is_relative_to(own_cache)
    content = tomllib.loads((plan.folder / "plan.toml").read_text())
    assert content["digest"] == plan.digest
    assert content["classes"] == 3
    assert content["batch_size"] == 5
    read = {}
    for name, entry in content["arrays"].items():
        flat = np.fromfile(plan.folder / entry["file"], dtype=entry["dtype"])
        read[name] = flat.reshape(entry["shape"])
    # As it was loaded: the plan's own data are mapped from the very files.
    loaded = load_dataset(plan.experiment.data, plan.experiment.training.seed)
    np.testing.assert_array_equal(read["x_train"], loaded.x_train.astype(np.float32))
    np.testing.assert_array_equal(read["y_test"], loaded.y_test)
    np.testing.assert_array_equal(read["orders"], plan.orders)
    for name, value in plan.weights.items():
        np.testing.assert_array_equal(read[f"weights/{name}"], value)


def test_the_data_are_those_of_a_trial_and_take_no_memory_of_their_own() -> None:
    experiment = load_experiment("iris-mlp", [])
    plan, loaded = make_plan(experiment), load_dataset(experiment.data, experiment.training.seed)
    for name in ("x_train", "x_test"):
        found = getattr(plan.dataset, name)
        assert isinstance(found.base, np.memmap)
        np.testing.assert_array_equal(found, getattr(loaded, name).astype(np.float32))
    for name in ("y_train", "y_test"):
        np.testing.assert_array_equal(getattr(plan.dataset, name), getattr(loaded, name))
    assert plan.dataset.classes == loaded.classes


@pytest.mark.parametrize("damage", ["missing", "cut short"])
def test_a_saved_plan_that_is_damaged(
    damage: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # The other tests share a cache, which is to stay whole.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    plan = plan_of()
    file = plan.folder / "0.bin"
    file.write_bytes(file.read_bytes()[:-1])
    if damage == "missing":
        file.unlink()
    with pytest.raises(BadInput) as caught:
        plan_of()
    assert str(caught.value) == (
        f"{file}: a part of the saved plan is missing or cut short; remove the folder "
        f"{plan.folder}, and run the same command again"
    )


def test_the_proof_uses_all_rows_of_a_small_data_set() -> None:
    plan = plan_of()
    assert plan.proof_rows == plan.rows == 105


def test_the_proof_keeps_the_smaller_last_batch_of_a_large_one() -> None:
    plan = plan_of(name="digits-mlp")
    assert plan.proof_rows == PROOF_BATCHES // 3 * 32 + plan.rows % 32


def test_plans_leave_no_drafts(own_cache: Path) -> None:
    plan_of("training.seed=77")
    assert not list(own_cache.rglob(".draft-*"))


def test_batch_larger_than_the_data_with_drop() -> None:
    overrides = ["training.batch_size=106", "training.last_batch=drop"]
    with pytest.raises(BadInput) as caught:
        plan_of(*overrides)
    assert str(caught.value) == (
        'training.batch_size: 106 is more than the 105 training rows, and last_batch = "drop" '
        "leaves no batch; use a smaller one"
    )
    assert plan_of("training.batch_size=106").rows == 105


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(BadInput, match=r"model\[2\] \(dense\).*units = 3"):
        plan_of("model.2.units=4")


def test_a_feature_too_large_for_float32(write_experiment: WriteExperiment) -> None:
    path = write_experiment(data='path = "mine.csv"\nlabel = "kind"\ntest = 0.3', classes=2)
    rows = "".join(f"{i}e300,{i % 2}\n" for i in range(20))
    (path.parent / "mine.csv").write_text("a,kind\n" + rows)
    with pytest.raises(BadInput, match=r"training\.precision: a feature of size 1\.9e\+301"):
        make_plan(load_experiment(str(path)))
    assert make_plan(load_experiment(str(path), ["training.precision=float64"]))


def test_a_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "samestep").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(BadInput, match="set XDG_CACHE_HOME to a folder that can be written"):
        plan_of()


def test_a_cache_without_rights(monkeypatch: pytest.MonkeyPatch, locked: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(locked))
    with pytest.raises(BadInput, match=r"there \(Permission denied\); make room, or set XDG"):
        plan_of()


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, small_disk: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(small_disk))
    with pytest.raises(BadInput, match=r"there \(No space left on device\); make room, or set XDG"):
        plan_of()
    assert [path for path in small_disk.rglob("*") if path.is_file()] == []


def test_a_convolution_counts_its_window_in_glorot_uniform() -> None:
    kernel = draw_weights({"c.kernel": (3, 5, 20, 30)}, np.random.default_rng(0))["c.kernel"]
    assert kernel.std() == pytest.approx(np.sqrt(2 / (15 * 50)), rel=0.02)


def test_the_proof_goes_on_until_the_learning_rate_has_changed() -> None:
    step = ("name=step", "factor=0.5", "every=7")
    overrides = [f"training.learning_rate_schedule.{part}" for part in step]
    assert len(plan_of(*overrides).orders) == 8
    assert len(plan_of(*overrides, "training.epochs=5").orders) == PROOF_EPOCHS


def test_a_batch_of_one_row_has_no_variance(write_experiment: WriteExperiment) -> None:
    norm = '[[model]]\nlayer = "batch_norm"\nepsilon = 1e-3\nmomentum = 0.9\n[training]'
    path = write_experiment(('activation = "relu"', "bias = false"), ("[training]", norm))
    text = path.read_text().replace("batch_size = 4", "batch_size = 13")
    head, layer, rest = text.split("[[model]]")[0], text.split("[[model]]")[1:], ""
    # The norm stands between the two dense layers; 105 rows in batches of 13 leave 1.
    layers = "[[model]]".join(["", layer[0], layer[2].split("[training]")[0], layer[1]])
    path.write_text(head + layers + rest + "[training]" + text.split("[training]")[1])
    with pytest.raises(BadInput, match=r"model\[2\] \(batch_norm\): the last batch of 105 rows"):
        make_plan(load_experiment(str(path)))
