import pytest

from petsynth.errors import ConfigError, InputError
from petsynth.reader_study.study import data_folder, read_study

CASE = '[[cases]]\nname = "a"\nsubject = "s"\nmri = "{}"\n'


def test_cases_of_a_table(study, study_file):
    assert len(study.cases) == 12
    first = study.cases[0]
    assert (first.name, first.kind, first.truth, first.pet) == ("sub-01-mri", "MRI", None, None)
    assert first.mri == study_file.parent / "sub-01_T1w.nii.gz"
    assert data_folder(study_file).name == "study_answers"


def test_the_fingerprint_follows_what_decides_the_order(study):
    assert study.model_copy(update={"title": "new"}).fingerprint == study.fingerprint
    for change in ({"seed": 4}, {"readers": ("ana",)}, {"cases": study.cases[:-1]}):
        assert study.model_copy(update=change).fingerprint != study.fingerprint


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "title = 3\nreader = []",
            r"title: Input should be a valid string \(found 3\); readers: Field required",
        ),
        ('title = "t"\nreaders = ["a", "a"]\n' + CASE, "reader a is named twice"),
        ('title = "t"\nreaders = ["organiser"]\n' + CASE, "no reader can be called organiser"),
        (
            'title = "t"\nreaders = ["a"]\nrepeats = 2\n' + CASE,
            "repeats is 2, but there are 1 cases",
        ),
        (
            'title = "t"\nreaders = ["a"]\n' + CASE + 'diagnosis = "flu"',
            "diagnosis flu is none of AD, FTD, normal, other",
        ),
        (
            'title = "t"\nreaders = ["a"]\n[[cases]]\nname = "a"\nsubject = "s"',
            "case 1: case a has neither mri nor pet",
        ),
        (
            'title = "t"\nreaders = ["a"]\n[[cases]]\nname = "a"\nsubject = "s"\nmri = "t1.nii"\n'
            'truth = "real"',
            r"case 1: case a has a truth \(real\) but no pet",
        ),
    ],
)
def test_all_mistakes_are_told(tmp_path, text, told):
    path = tmp_path / "study.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=told):
        read_study(path)


def test_a_missing_image_is_told(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text('title = "t"\nreaders = ["a"]\n' + CASE.format("no.nii"))
    with pytest.raises(InputError, match=r"no\.nii: no such file"):
        read_study(path)


def test_one_wrong_column_is_told_in_few_words(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text('title = "t"\nreaders = ["a"]\ncases = "cases.tsv"\n')
    rows = [f"a/{number}\ts\tt1.nii" for number in range(60)]
    (tmp_path / "cases.tsv").write_text("\n".join(["name\tsubject\tmri", *rows]) + "\n")
    with pytest.raises(ConfigError) as told:
        read_study(path)
    message = str(told.value)
    assert "case 2, name: a name begins with a letter or digit" in message
    assert "(found 'a/1')" in message
    assert message.endswith("and 55 more")
    assert len(message) < 900
