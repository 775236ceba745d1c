import shutil
import tomllib
from pathlib import Path

import pytest

from petsynth.config import parse_config
from petsynth.data.prepared import PreparedData
from petsynth.errors import OutputError, RunError
from petsynth.inference.run import load_run
from petsynth.systems.fields import SystemConfig
from petsynth.training.run_folder import RunFolder, adopt_changes, open_run


@pytest.fixture
def data(tiny_prepared) -> PreparedData:
    return PreparedData(tiny_prepared)


def start(root: Path, data: PreparedData, config: SystemConfig | None = None, **more):
    options = {"resume": False, "overwrite": False} | more
    return open_run(root, config or parse_config({}), data, **options)


def test_a_new_run_holds_its_configuration_and_data(tmp_path, data):
    run = start(tmp_path / "run", data)
    assert "learning_rate = 0.0002" in run.config.read_text()
    assert '"sub-004"' in run.data.read_text()


def test_a_run_is_neither_continued_nor_replaced_unasked(tmp_path, data):
    start(tmp_path / "run", data)
    with pytest.raises(OutputError, match=r"holds a run already; go on with --resume, replace"):
        start(tmp_path / "run", data)


def test_a_run_is_not_both_continued_and_replaced(tmp_path, data):
    start(tmp_path / "run", data)
    with pytest.raises(OutputError, match="not both"):
        start(tmp_path / "run", data, resume=True, overwrite=True)
    assert (tmp_path / "run" / "config.toml").exists()


def test_the_same_run_may_be_resumed(tmp_path, data):
    start(tmp_path / "run", data)
    start(tmp_path / "run", data, resume=True)
    start(tmp_path / "new", data, resume=True)


def test_a_run_of_a_version_with_fewer_keys_may_be_resumed(tmp_path, data):
    start(tmp_path / "run", data)
    text = (tmp_path / "run" / "config.toml").read_text()
    assert "dropout_levels" in text
    older = [line for line in text.splitlines() if not line.startswith("dropout_levels")]
    (tmp_path / "run" / "config.toml").write_text("\n".join(older))
    start(tmp_path / "run", data, resume=True)


def test_another_configuration_is_refused_and_the_keys_named(tmp_path, data):
    start(tmp_path / "run", data)
    other = parse_config({"seed": 4, "data": {"planes": ["coronal"]}})
    with pytest.raises(RunError) as refusal:
        start(tmp_path / "run", data, other, resume=True)
    message = str(refusal.value)
    assert "another configuration" in message
    assert "seed (0 there, 4 now)" in message
    assert "data.planes (['axial'] there, ['coronal'] now)" in message
    assert "learning_rate" not in message
    assert "\n" not in message


def test_other_data_are_refused_and_the_keys_named(tmp_path, data, tiny_prepared):
    start(tmp_path / "run", data)
    other = tmp_path / "other"
    shutil.copytree(tiny_prepared, other, ignore=shutil.ignore_patterns("arrays"))
    for name, old, new in [
        ("prepared.json", '"pet_scale": 2.0', '"pet_scale": 2.5'),
        ("split.tsv", "sub-004\ttrain", "sub-004\ttest"),
    ]:
        content = (other / name).read_text()
        assert old in content
        (other / name).write_text(content.replace(old, new))
    with pytest.raises(RunError, match=r"another prepared data: pet_scale \(2.0 there, 2.5 now\); "
                                       r"training_participants"):  # fmt: skip
        start(tmp_path / "run", PreparedData(other), resume=True)


def test_a_folder_of_something_else_is_refused_even_to_overwrite(tmp_path, data):
    (tmp_path / "thesis.docx").write_text("five years")
    for more in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(OutputError, match=r"holds thesis.docx, which is no"):
            start(tmp_path, data, **more)
    assert (tmp_path / "thesis.docx").read_text() == "five years"


def test_a_run_beside_something_else_is_not_overwritten(tmp_path, data):
    start(tmp_path / "run", data)
    (tmp_path / "run" / "notes.txt").write_text("keep")
    with pytest.raises(
        OutputError, match=r"notes.txt, which is no part of a run; nothing was removed"
    ):
        start(tmp_path / "run", data, overwrite=True)
    assert (tmp_path / "run" / "config.toml").exists()


def test_overwriting_leaves_nothing_of_the_earlier_run(tmp_path, data):
    run = start(tmp_path / "run", data)
    run.train_log.write_text("step\n")
    run.samples.mkdir()
    (run.samples / "epoch-0001.png").write_bytes(b"")
    (run.root / ".tmp-half-model.safetensors").write_bytes(b"")
    (run.root / "events.out.tfevents.1").write_bytes(b"")
    other = parse_config({"seed": 9})
    start(tmp_path / "run", data, other, overwrite=True)
    left = {path.name for path in run.root.iterdir() if not path.name.startswith(".tmp")}
    assert left == {"config.toml", "data.json"}
    assert "seed = 9" in run.config.read_text()


def test_a_file_in_place_of_the_folder(tmp_path, data):
    (tmp_path / "run").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        start(tmp_path / "run", data)


def test_a_damaged_configuration_is_no_run_to_resume(tmp_path, data):
    run = start(tmp_path / "run", data)
    run.config.write_text("seed =")
    with pytest.raises(RunError, match=r"config.toml: cannot be read"):
        start(tmp_path / "run", data, resume=True)


def test_a_run_of_a_version_with_other_keys_is_refused_in_one_line(tmp_path, data):
    run = start(tmp_path / "run", data)
    run.config.write_text(run.config.read_text().replace("padded_size = ", "canvas = "))
    message = (
        r"config.toml: cannot be read .*'data.canvas' \(its name is 'data.padded_size' now\).*; "
        "train into a new folder"
    )
    with pytest.raises(RunError, match=message) as refusal:
        start(tmp_path / "run", data, resume=True)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("folder", ["checkpoints", "samples"])
def test_a_link_in_a_run_is_refused_before_anything_is_removed(tmp_path, data, folder):
    run = start(tmp_path / "run", data)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "last.pt").write_bytes(b"mine")
    (run.root / folder).symlink_to(elsewhere)
    with pytest.raises(OutputError, match=rf"holds {folder}, a link, which is no part of a run"):
        start(tmp_path / "run", data, overwrite=True)
    assert run.config.exists()
    assert (elsewhere / "last.pt").read_bytes() == b"mine"


def test_what_somebody_put_among_the_samples_is_not_removed(tmp_path, data):
    run = start(tmp_path / "run", data)
    run.samples.mkdir()
    (run.samples / "figure-for-the-paper.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"samples/figure-for-the-paper.png, which is no part"):
        start(tmp_path / "run", data, overwrite=True)
    assert run.config.exists()


def test_a_training_that_was_killed_before_it_began_may_start_again(tmp_path, data):
    run = start(tmp_path / "run", data)
    run.config.unlink()
    (run.root / ".tmp-host.1-x-config.toml").write_text("see")
    start(tmp_path / "run", data)
    assert run.config.exists()
    run.config.unlink()
    run.data.write_text('{"participants": "mine"}')
    with pytest.raises(OutputError, match=r"holds data.json, which is no run"):
        start(tmp_path / "run", data)


LONGER = {"training": {"epochs": 200, "workers": 1}}


def test_how_long_a_training_is_may_change_and_stands_in_the_run(tmp_path, data, tiny_run):
    run = start(tmp_path / "run", data)
    longer = parse_config(LONGER)
    start(tmp_path / "run", data, longer, resume=True)
    adopt_changes(run, longer, step=17)
    text = run.config.read_text()
    assert text.startswith("# changed after step 17: training.epochs (100 there, 200 now); ")
    assert "epochs = 200" in text
    start(tmp_path / "run", data, parse_config({"training": {"epochs": 300}}), resume=True)
    adopt_changes(run, parse_config({"training": {"epochs": 300}}), step=20)
    assert run.config.read_text().count("# changed after step") == 2
    with pytest.raises(RunError, match=r"training.batch_size"):
        start(tmp_path / "run", data, parse_config({"training": {"batch_size": 2}}), resume=True)


def test_the_weights_of_a_run_that_is_made_longer_stay_usable(tmp_path, data, tiny_run):
    copy = tmp_path / "run"
    shutil.copytree(tiny_run, copy)
    before = (copy / "config.toml").read_text()
    config = parse_config(tomllib.loads(before.replace("epochs = 100", "epochs = 200")))
    adopt_changes(RunFolder(copy), config, step=0)
    assert load_run(copy).config.training.epochs == 200
    (copy / "config.toml").write_text(before)  # killed before the configuration was written
    assert load_run(copy).config.training.epochs == 100
    (copy / "config.toml").write_text(before.replace("seed = 0", "seed = 1"))
    with pytest.raises(RunError, match="is not the configuration"):
        load_run(copy)
