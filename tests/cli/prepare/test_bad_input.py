"""What is wrong with real datasets, through the command line: a reason each, and nothing lost."""

import hashlib
import json
import re
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from petsynth.cli.main import run
from petsynth.cli.prepare import levels as prepare_levels
from petsynth.data.prepared import PreparedData
from petsynth.io.bids.validator import find_validator, validate
from petsynth.io.text import read_table

SMALL = ("--voxel-mm", "6", "--skip-bids-validation", "--test", "0")


def prepare(bids, out, *options) -> int:
    return run(["prepare", str(bids), str(out), *SMALL, *map(str, options)])


def digest(folder: Path) -> dict[str, tuple[str, int]]:
    """Return content and time of change of every file."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".log"
    }


def add_subject(root: Path, label: str, bids: Path) -> Path:
    """Copy the first subject of a dataset, with the true brain mask, under another label."""
    truth = bids / "derivatives" / "truth" / "sub-001" / "anat"
    mask = root / "derivatives" / "masks" / f"sub-{label}" / f"sub-{label}_desc-brain_mask.nii.gz"
    mask.parent.mkdir(parents=True)
    shutil.copy(truth / "sub-001_desc-brain_mask.nii.gz", mask)
    for path in sorted((bids / "sub-001").rglob("*.*")):
        name = path.relative_to(bids).as_posix().replace("sub-001", f"sub-{label}")
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / name)
    return root / f"sub-{label}"


class Scans:
    """A subject's files, to be damaged."""

    def __init__(self, folder: Path):
        (self.t1,) = folder.glob("anat/*_T1w.nii.gz")
        (self.pet,) = folder.glob("pet/*_pet.nii.gz")
        self.sidecar = Path(str(self.pet).replace(".nii.gz", ".json"))

    def change(self, path: Path, how) -> None:
        """Write another array into an image's file."""
        image = nib.load(path)
        data = np.asanyarray(image.dataobj).astype(np.float32)
        nib.save(nib.Nifti1Image(how(data), image.affine), path)

    def tell(self, **fields) -> None:
        """Change fields of the PET's sidecar; None removes one."""
        content = json.loads(self.sidecar.read_text()) | fields
        kept = {name: value for name, value in content.items() if value is not None}
        self.sidecar.write_text(json.dumps(kept))

    def annex(self, path: Path) -> None:
        """Leave a link to nowhere, as git-annex does for a file that was not fetched."""
        path.unlink()
        path.symlink_to("../../.git/annex/objects/xyz.nii.gz")

    def flatten_affine(self, path: Path) -> None:
        image = nib.load(path)
        image.header.set_sform(np.diag([1.0, 0, 1, 1]), code=1)
        nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj), None, image.header), path)

    def truncate(self, path: Path) -> None:
        path.write_bytes(path.read_bytes()[:5000])


def frames(data):
    return np.stack([data, data], axis=3)


BAD = {
    "fileMissing": (lambda s: s.annex(s.t1), "is a link to a file that does not exist"),
    "notNifti": (lambda s: s.t1.write_bytes(b"no image"), "cannot be read as NIfTI"),
    "emptyFile": (lambda s: s.pet.write_bytes(b""), "cannot be read as NIfTI"),
    "truncatedT1": (lambda s: s.truncate(s.t1), "truncated or damaged"),
    "truncatedPET": (lambda s: s.truncate(s.pet), "truncated or damaged"),
    "twoAxes": (lambda s: s.change(s.t1, lambda x: x[:, :, 9]), "has 2 axes"),
    "oneSlice": (lambda s: s.change(s.t1, lambda x: x[:, :, 9:10]), "is a single slice"),
    "framesOfT1": (lambda s: s.change(s.t1, frames), "has 4 axes .* needed are 3 axes"),
    "fiveAxes": (lambda s: s.change(s.pet, lambda x: frames(frames(x))), "has 5 axes"),
    "zeroFrames": (lambda s: s.change(s.pet, lambda x: frames(x)[..., :0]), "holds no voxels"),
    "infinitePET": (lambda s: s.change(s.pet, lambda x: x + np.inf), "NaN or infinite"),
    "zeroT1": (lambda s: s.change(s.t1, np.zeros_like), "zero everywhere"),
    "zeroPET": (lambda s: s.change(s.pet, np.zeros_like), "zero everywhere"),
    "constantPET": (lambda s: s.change(s.pet, np.ones_like), "same value everywhere"),
    "constantT1": (lambda s: s.change(s.t1, np.ones_like), "_T1w.nii.gz: .*same value everywhere"),
    "singularAffine": (lambda s: s.flatten_affine(s.pet), "affine is singular"),
    "brokenSidecar": (lambda s: s.sidecar.write_text("{"), "not valid JSON"),
    "sidecarIsAList": (lambda s: s.sidecar.write_text("[]"), "must be a JSON object"),
    "timesAsText": (
        lambda s: s.change(s.pet, frames) or s.tell(FrameTimesStart=["soon", "later"]),
        "must be a list of numbers",
    ),
    "noDuration": (
        lambda s: s.change(s.pet, frames) or s.tell(FrameTimesStart=[0, 60], FrameDuration=[60, 0]),
        "needed is more than 0",
    ),
    "oddDecay": (
        lambda s: (
            s.change(s.pet, frames)
            or s.tell(FrameTimesStart=[0, 60], FrameDuration=[60, 60], ImageDecayCorrected="yes")
        ),
        "needed is true or false",
    ),
    "tooManyTimes": (
        lambda s: s.change(s.pet, frames) or s.tell(FrameTimesStart=[0, 1, 2]),
        "has 3 values, the image has 2 frames",
    ),
    "foreignMask": (
        lambda s: s.t1.rename(s.t1.with_name(s.t1.name.replace("_T1w", "_run-2_T1w"))),
        None,
    ),
}
"""By the label of the damaged subject: how, and the reason in ``exclusions.tsv``."""


@pytest.fixture(scope="module")
def damaged(bids, tmp_path_factory):
    """Prepare one sound subject and one of every damaged kind; return dataset, folder, digest."""
    root = tmp_path_factory.mktemp("damaged") / "bids"
    add_subject(root, "sound", bids)
    shutil.copy(bids / "dataset_description.json", root)
    for label, (how, _) in BAD.items():
        how(Scans(add_subject(root, label, bids)))
    (mask,) = (root / "derivatives" / "masks" / "sub-foreignMask").iterdir()
    mask.rename(mask.with_name("sub-foreignMask_run-1_desc-brain_mask.nii.gz"))
    before = digest(root)
    out = root.parent / "out"

    assert prepare(root, out, "--masks", root / "derivatives" / "masks") == 0
    return root, out, before


@pytest.mark.parametrize("label", BAD)
def test_each_damaged_subject_is_left_out_with_a_reason(damaged, label):
    _, out, _ = damaged
    table = read_table(out / "exclusions.tsv")
    (reason,) = [
        row["reason"]
        for _, row in table.iterrows()
        if row["participant_id"] == f"sub-{label}" and row["image"] == "n/a"
    ]
    assert "\n" not in reason
    wanted = BAD[label][1] or "_run-2_T1w.nii.gz: no brain mask of this image"
    assert re.search(wanted, reason), reason


def test_the_others_finish_and_the_dataset_stays_as_it_was(damaged):
    root, out, before = damaged
    assert PreparedData(out).participants() == ["sub-sound"]
    assert len(read_table(out / "exclusions.tsv")) == len(BAD)
    assert digest(root) == before


@pytest.mark.parametrize(
    ("options", "fields", "message"),
    [
        (("--units", "suv"), {}, "Units is SUVR, SUV needs Bq/mL or another"),
        (
            ("--units", "suv"),
            {"Units": "Bq/mL", "InjectedRadioactivity": None, "ImageDecayCorrectionTime": None},
            "SUV needs InjectedRadioactivity and body weight .* which the dataset lacks",
        ),
        (
            ("--units", "suv"),
            {"Units": "Bq/mL", "InjectedRadioactivity": "much"},
            "SUV needs InjectedRadioactivity .*is 'much', needed is a number",
        ),
        (
            ("--units", "suv"),
            {"Units": "Bq/mL", "ImageDecayCorrected": "yes"},
            "SUV needs .*ImageDecayCorrected.*needed is true or false",
        ),
        (
            ("--psf-mm", "8"),
            {"ReconMethodParameterLabels": None},
            "needs the resolution of the scanner",
        ),
    ],
)
def test_a_sidecar_that_lacks_what_is_needed(bids, tmp_path, capfd, options, fields, message):
    root = tmp_path / "bids"
    Scans(add_subject(root, "01", bids)).tell(**fields)
    assert prepare(root, tmp_path / "out", "--masks", root / "derivatives" / "masks", *options) == 1
    lines = capfd.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("petsynth prepare: error: no subject could be prepared")
    assert re.search(message, lines[-1]), lines
    assert not any("Traceback" in line for line in lines)


def test_what_is_not_needed_leaves_nobody_out(bids, tmp_path, capfd):
    """SUVR of a static PET needs neither dose nor weight nor times: a word, and it is prepared."""
    root, out = tmp_path / "bids", tmp_path / "out"
    odd = {
        "InjectedRadioactivity": "much",
        "PatientWeight": "70 stone",
        "ImageDecayCorrected": "yes",
        "FrameTimesStart": ["soon"],
        "InjectionStart": "noon",
        "ImageDecayCorrectionTime": {},
    }
    Scans(add_subject(root, "01", bids)).tell(**odd)
    add_subject(root, "02", bids)
    (root / "participants.tsv").write_text("participant_id\tweight\nsub-01\theavy\nsub-02\t70 kg\n")
    assert prepare(root, out, "--masks", root / "derivatives" / "masks") == 0
    assert PreparedData(out).participants() == ["sub-01", "sub-02"]
    messages = capfd.readouterr().err
    for field in odd:
        assert re.search(f"sub-01: .*{field}.*counts as missing", messages), field
    assert "sub-02: sub-02_trc" not in messages


def test_after_such_a_refusal_other_options_may_be_given(bids, tmp_path, capfd):
    root, out = tmp_path / "bids", tmp_path / "out"
    add_subject(root, "01", bids)
    masks = ("--masks", root / "derivatives" / "masks")
    assert prepare(root, out, *masks, "--units", "suv") == 1
    assert prepare(root, out, *masks) == 0
    assert PreparedData(out).unit == "SUVR"


def test_missing_and_wrong_units_are_said(bids, tmp_path, capfd):
    """Without Units values stay as they are; SUVR of some thousand is flagged."""
    root, out = tmp_path / "bids", tmp_path / "out"
    Scans(add_subject(root, "none", bids)).tell(Units=None)
    masks = ("--masks", root / "derivatives" / "masks")
    assert prepare(root, out, *masks) == 0
    assert "Units is missing from its sidecar" in capfd.readouterr().err
    assert PreparedData(out).unit == "arbitrary"
    scans = Scans(add_subject(root, "wrong", bids))
    scans.change(scans.pet, lambda data: 5000 * data)
    assert prepare(root, tmp_path / "two", *masks, "--participant-label", "wrong") == 0
    assert "SUVR, plausible are" in read_table(tmp_path / "two" / "qc.tsv")["flags"][0]


@pytest.fixture(scope="module")
def odd(bids, tmp_path_factory):
    """Prepare a dataset that is read-only and reached by a link, at a path with odd letters."""
    home = tmp_path_factory.mktemp("odd") / "Köpfe & mehr 脳"
    root = home / "echte Daten"
    scans = Scans(add_subject(root, "01", bids))
    shutil.copy(bids / "dataset_description.json", root)
    annex = root / ".git" / "annex" / "object.nii.gz"
    annex.parent.mkdir(parents=True)
    scans.t1.rename(annex)
    scans.t1.symlink_to(annex)
    link = home / "Verweis auf Daten"
    link.symlink_to(root, target_is_directory=True)
    before = digest(root)
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    out = home / "für später"
    assert prepare(link, out, "--masks", link / "derivatives" / "masks") == 0
    yield link, out, before
    for path in folders:
        path.chmod(stat.S_IRWXU)


def test_a_symlinked_dataset_is_prepared(odd):
    _, out, _ = odd
    record = json.loads((out / "arrays" / "sub-01.json").read_text())
    assert record["key"]["inputs"]["t1"][0] == "sub-01/anat/sub-01_T1w.nii.gz"
    sidecar = out / "sub-01" / "anat" / "sub-01_space-aligned_desc-preproc_T1w.json"
    assert json.loads(sidecar.read_text())["Sources"] == ["bids:raw:sub-01/anat/sub-01_T1w.nii.gz"]


def test_a_read_only_input_stays_as_it_is(odd):
    link, _, before = odd
    assert digest(link.resolve()) == before


def test_a_path_with_spaces_and_other_letters(odd):
    _, out, _ = odd
    assert PreparedData(out).participants() == ["sub-01"]
    names = ("echte Daten", "Verweis", "Köpfe", str(out.parent))
    texts = {
        path.name: path.read_text(encoding="utf-8")
        for path in out.rglob("*")
        if path.suffix in (".md", ".html", ".json", ".tsv")
    }
    assert {"README.md", "sub-01.html", "exclusions.tsv", "settings.json"} <= texts.keys()
    assert not [(path, name) for path in texts for name in names if name in texts[path]]
    validator = find_validator()
    if validator is not None:
        assert validate(out, validator) == []


@pytest.mark.parametrize(("train", "test"), [("0731", "731"), ("sub-731", "sub-0731")])
def test_0731_and_731_in_train_and_test_are_one_subject(bids, tmp_path, capfd, train, test):
    add_subject(tmp_path / "bids", "0731", bids)
    table = tmp_path / "split.tsv"
    table.write_text(f"participant_id\tsplit\n{train}\ttrain\n{test}\ttest\n")
    assert prepare(tmp_path / "bids", tmp_path / "out", "--split", table) == 1
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert "are the same subject" in line
    assert not (tmp_path / "out").exists()


def test_a_folder_0731_beside_731_is_refused(bids, tmp_path, capfd):
    for label in ("0731", "731"):
        add_subject(tmp_path / "bids", label, bids)
    assert prepare(tmp_path / "bids", tmp_path / "out") == 1
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert "sub-0731 and sub-731 may be the same subject" in line


def test_a_scheduler_that_does_not_answer_leaves_nothing_behind(bids, tmp_path, capfd, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("petsynth.execution.ANSWER_SECONDS", 1)
    out = tmp_path / "out"
    assert prepare(bids, out, "--scheduler", "tcp://127.0.0.1:9") == 1
    assert "--scheduler tcp://127.0.0.1:9: no answer" in capfd.readouterr().err
    assert not out.exists()


def test_a_split_that_became_impossible_changes_no_table(bids, tmp_path, capfd):
    """One of two subjects turns out to be damaged: nobody is left for training beside the test."""
    root, out = tmp_path / "bids", tmp_path / "out"
    add_subject(root, "1", bids)
    scans = Scans(add_subject(root, "2", bids))
    scans.truncate(scans.pet)
    masks = ("--masks", root / "derivatives" / "masks")
    assert prepare(root, out, *masks, "--test", "1") == 1
    assert "nobody would be left for training" in capfd.readouterr().err
    tables = ("exclusions.tsv", "split.tsv", "qc.tsv", "participants.tsv", "prepared.json")
    assert not [name for name in tables if (out / name).exists()]
    assert prepare(root, out, *masks) == 0  # the finished one is kept
    assert PreparedData(out).participants() == ["sub-1"]


def test_the_bids_validator_sees_the_input(own_bids, tmp_path, capfd):
    """Sound datasets pass in silence; errors are shown, and stop nothing."""
    if find_validator() is None:
        pytest.skip("the BIDS validator is not installed")
    # No subject can be prepared to SUV: what is asked here comes before.
    words = ["prepare", str(own_bids), str(tmp_path / "out"), "--units", "suv"]
    assert run(words) == 1
    assert "BIDS valid" not in capfd.readouterr().err
    (own_bids / "sub-001" / "anat" / "notes.docx").write_text("seen again in May")
    assert run(words) == 1
    messages = capfd.readouterr().err
    (line,) = [each for each in messages.splitlines() if each.startswith("BIDS validator")]
    assert "1 errors, the first: /sub-001/anat/notes.docx NOT_INCLUDED" in line
    assert messages.count("Units is SUVR, SUV needs Bq/mL") == 4 + 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_killed_dask_worker_loses_no_subject(bids, cluster, tmp_path, monkeypatch):
    address, workers = cluster
    draw = prepare_levels.write_subject_page

    def kill_the_first(*args, **options):
        workers[0].send_signal(signal.SIGKILL)
        return draw(*args, **options)

    monkeypatch.setattr(prepare_levels, "write_subject_page", kill_the_first)
    out = tmp_path / "out"
    masks = ("--masks", bids / "derivatives" / "truth")
    assert prepare(bids, out, *masks, "--scheduler", address) == 0
    assert PreparedData(out).participants() == [f"sub-00{number}" for number in range(1, 5)]
    assert len(read_table(out / "exclusions.tsv")) == 0
    assert workers[0].wait() == -signal.SIGKILL
    assert workers[1].poll() is None


LIMITED = """
import resource, sys
from petsynth.cli.main import run

resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
sys.exit(run(sys.argv[1:]))
"""


def test_a_full_disk_in_the_middle_of_a_write(bids, tmp_path):
    """The system refuses to write on: one line, status 1, no half-written file, no record."""
    root, out = tmp_path / "bids", tmp_path / "out"
    add_subject(root, "01", bids)
    words = ["prepare", root, out, "--masks", root / "derivatives" / "masks", *SMALL]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (error,) = [line for line in done.stderr.splitlines() if "error" in line]
    assert error.startswith("petsynth prepare: error: file size limit reached while writing")
    assert not list(out.rglob(".tmp-*"))
    assert not (out / "arrays" / "sub-01.json").exists()
