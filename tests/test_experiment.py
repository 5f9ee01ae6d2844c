import copy
import tomllib
from pathlib import Path

import pytest
from conftest import EXPERIMENT, IRIS, WriteExperiment
from hypothesis import given
from hypothesis import strategies as st

from samestep.errors import BadInput
from samestep.experiment import OPTIMIZERS, Experiment
from samestep.experiment_check import validate_experiment
from samestep.experiment_file import find_experiment, load_experiment, shipped_experiments

DOCUMENT = tomllib.loads(EXPERIMENT.format(data=IRIS, classes=3))


def problem(path: Path | str, *overrides: str) -> str:
    """The sentence that refuses the experiment: one line, and short enough to read."""
    with pytest.raises(BadInput) as caught:
        load_experiment(str(path), overrides)
    message = str(caught.value)
    assert "\n" not in message
    assert "Traceback" not in message
    return message


@pytest.mark.parametrize("name", sorted(shipped_experiments()))
def test_shipped_experiments_load(name: str) -> None:
    experiment = load_experiment(name)
    assert experiment.title


def test_iris_mlp_is_the_network_of_the_2019_study() -> None:
    experiment = load_experiment("iris-mlp")
    assert [layer.units for layer in experiment.model] == [10, 3]
    assert experiment.training.batch_size == 5
    assert experiment.training.epochs == 100
    assert experiment.training.optimizer.learning_rate == 1e-3


@pytest.mark.parametrize("name", ["fashion-mnist", "mnist"])
def test_a_data_set_with_a_test_part_needs_none(
    write_experiment: WriteExperiment, name: str
) -> None:
    data = load_experiment(str(write_experiment(data=f'name = "{name}"', classes=10))).data
    assert data.has_test_part
    assert data.test is None


@pytest.mark.parametrize("named", ["../mine.csv", "/etc/passwd", "a/../../b.csv", "\\u0000.csv"])
def test_a_strangers_data_path_stays_in_its_folder(
    write_experiment: WriteExperiment, named: str
) -> None:
    path = write_experiment(data=f'path = "{named}"\nlabel = "kind"\ntest = 0.3')
    with pytest.raises(BadInput, match=r"data\.path: .* leads out of the experiment's folder"):
        load_experiment(str(path))
    # Who says so on the command line is no stranger.
    own = load_experiment(str(path), ["data.path=/somewhere/else.csv"])
    assert own.data.path == "/somewhere/else.csv"


def test_a_link_that_leads_out_is_refused(write_experiment: WriteExperiment) -> None:
    path = write_experiment(data='path = "mine.csv"\nlabel = "kind"\ntest = 0.3')
    (path.parent / "mine.csv").symlink_to("/etc/hostname")
    with pytest.raises(BadInput, match="leads out"):
        load_experiment(str(path))


def test_data_path_is_relative_to_the_file(write_experiment: WriteExperiment) -> None:
    path = write_experiment(data='path = "mine.csv"\nlabel = "kind"\ntest = 0.3')
    assert load_experiment(str(path)).data.path == str(path.parent / "mine.csv")


def test_path_that_is_not_there() -> None:
    message = problem("no/such/file.toml")
    assert message.startswith("no/such/file.toml: there is no such file")
    assert "give a shipped name or the path" in message


def test_misspelt_shipped_name_gets_the_nearest() -> None:
    message = problem("iris-mpl")
    assert 'did you mean "iris-mlp"?' in message
    assert "`samestep experiments` lists" in message


def test_name_too_long_for_a_path() -> None:
    assert "cannot be read" in problem("x" * 5000)


def test_folder_instead_of_a_file(tmp_path: Path) -> None:
    assert f"{tmp_path}: there is no such file" in problem(tmp_path)


def test_toml_that_does_not_parse(write_experiment: WriteExperiment) -> None:
    path = write_experiment(("epochs = 2", "epochs ="))
    message = problem(path)
    assert message.startswith(f"{path}: is not valid TOML")
    assert "line 16" in message


def test_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "experiment.toml"
    path.write_bytes(b"\xff\xfe\x00")
    assert problem(path) == f"{path}: is not text in UTF-8; an experiment is a TOML file"


def test_file_that_is_much_too_long(tmp_path: Path) -> None:
    path = tmp_path / "experiment.toml"
    path.write_text("# long\n" * 200_000)
    assert "larger than 1,000,000 bytes" in problem(path)


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "1" * 5000])
def test_toml_made_to_break_the_parser(tmp_path: Path, text: str) -> None:
    path = tmp_path / "experiment.toml"
    path.write_text(text)
    assert problem(path).startswith(f"{path}: is not valid TOML")


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        (
            "epochs = 2",
            "epoch = 2",
            ["training.epoch: unknown key", 'did you mean "epochs"', "known here:"],
        ),
        ("title", "titel", ["titel: unknown key", 'did you mean "title"']),
        (
            "[data]\n",
            "[data]\nstandardise = true\n",
            ["data.standardise: unknown key", 'did you mean "standardize"'],
        ),
        (
            "units = 5",
            "unit = 5",
            ["model[1].unit: unknown key", 'did you mean "units"', "activation"],
        ),
        (
            "learning_rate = 0.1",
            "learning_rat = 0.1",
            ["training.optimizer.learning_rat: unknown key", 'did you mean "learning_rate"'],
        ),
        (
            'layer = "dense"\nunits = 5',
            'layer = "dens"\nunits = 5',
            ["model[1].layer: unknown 'dens'", 'did you mean "dense"', "flatten"],
        ),
        ('layer = "dense"\nunits = 5', "units = 5", ["model[1].layer: is missing"]),
        (
            '"sgd"',
            '"adamx"',
            [
                "training.optimizer.name: unknown 'adamx'",
                'did you mean "adam"',
                "sgd, momentum, adam",
            ],
        ),
        (
            '"relu"',
            '"rely"',
            ["model[1].activation: unknown 'rely'", 'did you mean "relu"', "sigmoid"],
        ),
        (
            '"iris"',
            '"irys"',
            ["data.name: unknown 'irys'", 'did you mean "iris"', "digits"],
        ),
        (
            '"each_epoch"',
            '"every_epoch"',
            ["training.shuffle: unknown 'every_epoch'", 'did you mean "each_epoch"'],
        ),
        ('"keep"', '"kept"', ["training.last_batch: unknown 'kept'", 'did you mean "keep"']),
        ('"float32"', '"float16"', ["training.precision: unknown 'float16'", "float32, float64"]),
        ("epochs = 2", "epochs = 0", ["training.epochs: 0 will not do", "greater than or equal"]),
        ("epochs = 2", "epochs = 2.5", ["training.epochs: 2.5 will not do", "integer"]),
        ("epochs = 2", 'epochs = "2"', ["training.epochs: '2' will not do", "integer"]),
        ("batch_size = 4", "batch_size = 0", ["training.batch_size: 0 will not do"]),
        ("units = 5", "units = 0", ["model[1].units: 0 will not do"]),
        ("seed = 0", "seed = -1", ["training.seed: -1 will not do"]),
        ("seed = 0\n", "", ["training.seed: is missing", "write it out"]),
        ("rate = 0.1", "rate = nan", ["training.optimizer.learning_rate: nan will not do"]),
        ("rate = 0.1", "rate = -0.1", ["training.optimizer.learning_rate: -0.1 will not do"]),
        ("test = 45", "test = 1.5", ["data.test", "1.5 will not do"]),
        ("test = 45", "test = true", ["data.test", "True will not do"]),
        ("test = 45", "", ["data.test: is missing; give the test part's share or its number"]),
        (
            '"iris"',
            '"fashion-mnist"',
            ["data.test: fashion-mnist has a test part of its own; leave it out"],
        ),
        ('"iris"', '"fashion"', ["data.name: unknown 'fashion'", 'did you mean "fashion-mnist"']),
        ('name = "iris"\ntest = 45', "", ["data: give either name (a data set) or path"]),
        ("test = 45", 'test = 45\npath = "a.csv"', ["data: give either name", "path"]),
        ('name = "iris"', 'path = "a.csv"', ["data: path and label"]),
        ('title = "A test"', 'title = ""', ["title: '' will not do"]),
    ],
)
def test_bad_value(write_experiment: WriteExperiment, old: str, new: str, parts: list[str]) -> None:
    path = write_experiment((old, new))
    message = problem(path)
    assert message.startswith(f"{path}: ")
    for part in parts:
        assert part in message


def test_model_without_layers(tmp_path: Path) -> None:
    document = copy.deepcopy(DOCUMENT) | {"model": []}
    with pytest.raises(BadInput, match=r"x\.toml: model: \[\] will not do"):
        validate_experiment(document, "x.toml", tmp_path)


def test_override_sets_one_key() -> None:
    experiment = load_experiment("iris-mlp", ["training.epochs=7", "title=Quick"])
    assert experiment.training.epochs == 7
    assert experiment.title == "Quick"


def test_override_of_a_layer_counts_from_1() -> None:
    assert load_experiment("iris-mlp", ["model.1.units=7"]).model[0].units == 7


def test_override_of_the_optimizer_keeps_what_it_knows() -> None:
    experiment = load_experiment("iris-mlp", ["training.optimizer.name=sgd"])
    assert experiment.training.optimizer == OPTIMIZERS["sgd"](name="sgd", learning_rate=1e-3)


def test_override_of_the_optimizer_asks_for_what_it_lacks() -> None:
    message = problem("iris-mlp", "training.optimizer.name=momentum")
    assert "training.optimizer.momentum: is missing" in message
    both = ["training.optimizer.name=momentum", "training.optimizer.momentum=0.9"]
    assert load_experiment("iris-mlp", both).training.optimizer.momentum == 0.9


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("training.epochs", "write it as KEY=VALUE"),
        ("=5", "write it as KEY=VALUE"),
        ("training..epochs=5", "write it as KEY=VALUE"),
        ("training.epochs.more=5", "epochs is a value, not a table"),
        ("model.9.units=5", "9 is not a layer's number from 1 to 2"),
        ("model.0.units=5", "0 is not a layer's number"),
        ("model.first.units=5", "first is not a layer's number"),
        ("training.epoch=5", 'training.epoch: unknown key (did you mean "epochs"?)'),
        ("training.epochs=many", "training.epochs: 'many' will not do"),
        ("training.epochs=" + "1" * 5000, "training.epochs: "),
        ("training=5", "training: 5 will not do"),
        ("model.1=5", "model[1]: 5 will not do"),
        ("training.optimizer.name=[]", "training.optimizer"),
    ],
)
def test_bad_override(override: str, part: str) -> None:
    message = problem("iris-mlp", override)
    assert part in message
    assert len(message) < 6000


LEAVES = ["training.epochs", "training.batch_size", "training.seed", "model.1.units"]


@given(st.sampled_from(LEAVES), st.integers(1, 65_536))
def test_any_number_can_be_overridden(key: str, value: int) -> None:
    experiment = load_experiment("iris-mlp", [f"{key}={value}"])
    dump = experiment.model_dump()
    for part in key.split("."):
        dump = dump[int(part) - 1] if part.isdecimal() else dump[part]
    assert dump == value


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_override_ends_in_a_traceback(key: str, value: str) -> None:
    try:
        experiment = load_experiment("iris-mlp", [f"{key}={value}"])
    except BadInput as error:
        assert str(error)
    else:
        assert isinstance(experiment, Experiment)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
PLACES = [
    ("title",),
    ("data",),
    ("data", "name"),
    ("data", "test"),
    ("model",),
    ("model", 0),
    ("model", 0, "layer"),
    ("model", 0, "more"),
    ("training",),
    ("training", "optimizer"),
    ("training", "optimizer", "name"),
    ("training", "optimizer", "more"),
    ("training", "epochs"),
]


@given(st.sampled_from(PLACES), JSON)
def test_no_document_ends_in_a_traceback(place: tuple[str | int, ...], value: object) -> None:
    document = copy.deepcopy(DOCUMENT)
    table = document
    for part in place[:-1]:
        table = table[part]
    table[place[-1]] = value
    try:
        validate_experiment(document, "x.toml", Path())
    except BadInput as error:
        assert str(error).startswith("x.toml: ")


def test_find_experiment_prefers_the_shipped_one() -> None:
    assert find_experiment("iris-mlp") == shipped_experiments()["iris-mlp"]


def test_a_quick_try_says_less_where_its_table_says_so() -> None:
    whole, quick = load_experiment("fashion-cnn"), load_experiment("fashion-cnn", small=True)
    assert (whole.data.rows, whole.training.epochs) == (None, 10)
    assert (quick.data.rows, quick.data.test_rows, quick.training.epochs) == (1280, 1000, 3)
    assert quick.training.batch_size == whole.training.batch_size
    assert quick.model == whole.model
    overridden = load_experiment("fashion-cnn", ["training.epochs=2"], small=True)
    assert overridden.training.epochs == 2


def test_a_quick_try_must_be_there_and_be_right(write_experiment: WriteExperiment) -> None:
    with pytest.raises(BadInput, match="small: there is no such table"):
        load_experiment(str(write_experiment()), small=True)
    path = write_experiment(("seed = 0", "seed = 0\n[small.training]\nepocs = 1"))
    assert load_experiment(str(path))
    with pytest.raises(BadInput, match=r"training.epocs: unknown key \(did you mean \"epochs\""):
        load_experiment(str(path), small=True)


def test_a_size_is_a_number_or_a_pair() -> None:
    for text in ("3", "[3, 3]"):
        loaded = load_experiment("fashion-cnn", [f"model.1.kernel={text}"])
        assert getattr(loaded.model[0], "kernel", None) == (3, 3)
    for text in ("0", "[3]", "[3, 3, 3]", '"3"', "true", "[3, 0]"):
        with pytest.raises(BadInput, match=r"model\[1\]\.kernel(\[2\])?: "):
            load_experiment("fashion-cnn", [f"model.1.kernel={text}"])


def test_a_cosine_does_not_rise() -> None:
    cosine = "training.learning_rate_schedule."
    with pytest.raises(BadInput, match=r"final = 1\.0 is more than the optimizer's"):
        load_experiment("iris-mlp", [f"{cosine}name=cosine", f"{cosine}final=1.0"])


def test_a_new_schedule_keeps_what_it_knows() -> None:
    step = "training.learning_rate_schedule."
    overrides = [f"{step}name=step", f"{step}every=2", f"{step}factor=0.5", f"{step}name=constant"]
    schedule = load_experiment("iris-mlp", overrides).training.learning_rate_schedule
    assert schedule.model_dump() == {"name": "constant"}
    with pytest.raises(BadInput, match=r"learning_rate_schedule.every: is missing"):
        load_experiment("iris-mlp", [f"{step}name=step"])
    with pytest.raises(BadInput, match=r"learning_rate_schedule.name: unknown 'stepp'"):
        load_experiment("iris-mlp", [f"{step}name=stepp"])
