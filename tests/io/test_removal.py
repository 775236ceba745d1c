"""What is not ours stays, and stops the removal before it has begun."""

import pytest

from petsynth.errors import OutputError
from petsynth.io.removal import check_own, is_inside, remove_own

OURS = ("config.toml", "samples/epoch-*.png")


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    (folder / "samples").mkdir(parents=True)
    (folder / "config.toml").write_text("")
    (folder / "samples" / "epoch-0001.png").write_text("")
    (folder / ".petsynth.lock").write_text("")
    return folder


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_ours_is_removed_with_its_folders(run):
    remove_own(run, OURS, "a run")
    assert names(run) == [".petsynth.lock"]


@pytest.mark.parametrize("foreign", ["notes.txt", "samples/notes.txt", "deep/config.toml"])
def test_something_else_stops_it(run, foreign):
    (run / foreign).parent.mkdir(exist_ok=True)
    (run / foreign).write_text("mine")
    before = names(run)
    with pytest.raises(OutputError, match=rf"holds {foreign}, which is no part of a run; nothing"):
        remove_own(run, OURS, "a run")
    assert names(run) == before


def test_links_stop_it_and_are_not_followed(run, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (run / "samples").rename(elsewhere)
    (run / "samples").symlink_to(elsewhere)
    with pytest.raises(OutputError, match="holds samples, a link"):
        remove_own(run, OURS, "a run")
    (run / "samples").unlink()
    (run / "config.toml").unlink()
    (run / "config.toml").symlink_to(elsewhere / "epoch-0001.png")
    with pytest.raises(OutputError, match=r"holds config.toml, a link"):
        remove_own(run, OURS, "a run")
    assert names(elsewhere) == ["epoch-0001.png"]


def test_a_missing_folder_holds_nothing(tmp_path):
    assert check_own(tmp_path / "none", OURS, "a run") == []


def test_names_that_lead_through_a_link_are_outside(tmp_path):
    (tmp_path / "out" / "sub-01").mkdir(parents=True)
    (tmp_path / "out" / "sub-02").symlink_to(tmp_path)
    assert is_inside(tmp_path / "out", "sub-01/pet.json")
    assert not is_inside(tmp_path / "out", "sub-02/pet.json")
    assert not is_inside(tmp_path / "out", "a\0b")
