import dataclasses
import shutil
from pathlib import Path

import pytest

from petsynth.config import parse_config
from petsynth.data.prepared import PreparedData
from petsynth.errors import OutputError, RunError
from petsynth.systems.pix2pix.config import Pix2pixConfig
from petsynth.training.run_folder import open_run


@pytest.fixture
def data(tiny_prepared) -> PreparedData:
    return PreparedData(tiny_prepared)


def start(root: Path, data: PreparedData, config: Pix2pixConfig | None = None, **more: bool):
    options = {"resume": False, "overwrite": False} | more
    return open_run(root, config or Pix2pixConfig(), data, **options)


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
    with pytest.raises(OutputError, match=r"notes.txt, which is no part of a run; nothing was"):
        start(tmp_path / "run", data, overwrite=True)
    assert (tmp_path / "run" / "config.toml").exists()


def test_overwriting_leaves_nothing_of_the_earlier_run(tmp_path, data):
    run = start(tmp_path / "run", data)
    run.train_log.write_text("step\n")
    run.samples.mkdir()
    (run.samples / "epoch-0001.png").write_bytes(b"")
    (run.root / ".tmp-half-model.safetensors").write_bytes(b"")
    (run.root / "events.out.tfevents.1").write_bytes(b"")
    other = dataclasses.replace(Pix2pixConfig(), seed=9)
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


@pytest.mark.parametrize(("now", "before"), [("padded_size", "canvas"), ("flip", "mirror")])
def test_a_run_of_a_version_with_other_keys_is_refused_in_one_line(tmp_path, data, now, before):
    run = start(tmp_path / "run", data)
    run.config.write_text(run.config.read_text().replace(f"{now} = ", f"{before} = "))
    message = rf"config.toml: cannot be read .*unknown key 'data.{before}'.*into a new folder"
    with pytest.raises(RunError, match=message) as refusal:
        start(tmp_path / "run", data, resume=True)
    assert "\n" not in str(refusal.value)
