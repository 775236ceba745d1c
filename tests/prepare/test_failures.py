"""Notes of who could not be prepared."""

from petsynth.prepare.failures import forget_failure, read_failures, write_failure


def test_a_note_is_kept_until_it_is_forgotten(tmp_path):
    assert read_failures(tmp_path) == {}
    write_failure(tmp_path, "sub-02", "no PET")
    write_failure(tmp_path, "sub-01", "T1 is truncated")
    write_failure(tmp_path, "sub-02", "PET is constant")
    assert read_failures(tmp_path) == {"sub-01": "T1 is truncated", "sub-02": "PET is constant"}
    forget_failure(tmp_path, "sub-02")
    forget_failure(tmp_path, "sub-99")
    assert list(read_failures(tmp_path)) == ["sub-01"]


def test_what_is_no_note_is_passed_over(tmp_path):
    write_failure(tmp_path, "sub-01", "T1 is truncated")
    folder = tmp_path / "arrays" / "failed"
    (folder / "sub-02.json").write_text("{")
    (folder / "sub-03.json").write_text('{"why": 1}')
    (folder / "sub-04.json").write_text("[]")
    assert list(read_failures(tmp_path)) == ["sub-01"]
