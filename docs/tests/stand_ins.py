"""What the pages take for granted, simulated: scans, datasets, a trained run, an export.

Everything is made once, when the first page names it, with petsynth's own commands; a page's folder
gets a copy.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
T1, PET = "sub-001/anat/sub-001_T1w.nii.gz", "sub-001/pet/sub-001_trc-18FFDG_pet.nii.gz"
SMALL = "--data.padded-size 48 --generator.levels 3 --generator.filters 4 --discriminator.filters 4"

FILES_OF_T1 = (
    "my_T1.nii.gz", "new_T1.nii.gz", "T1.nii.gz", "a.nii.gz", "b.nii.gz", "sub-01_T1w.nii.gz",
    "mri.nii.gz", "T1.mgz", "sub-01/mri/T1.mgz", "T1.hdr", "T1.nrrd", "T1_4D.nii.gz",
)  # fmt: skip
FILES_OF_PET = (
    "sub-01_trc-18FFDG_pet.nii.gz", "reference.nii.gz", "measured.nii.gz", "pet.nii.gz",
    "synthetic.nii.gz", "model.nii.gz",
)  # fmt: skip
FOLDERS_OF_PET = (
    "measured", "synthetic", "references", "synthetics", "their_predictions", "tool-x",
    "other-tool",
)  # fmt: skip
OTHERS = (
    "my_bids", "t1s", "masks", "prepared", "prepared_b", "runs/axial", "runs/augmented",
    "runs/ganbert", "predictions", "evaluation", "petsynth-demo", "pairs.tsv", "participants.tsv",
    "aparc+aseg.nii.gz", "schaefer.nii.gz", "export", "export/patient7", "dicom", "ADNI",
    "cases.tsv", "my_split.tsv", "my_bids_av45",
)  # fmt: skip
GIVEN = (*FILES_OF_T1, *FILES_OF_PET, *FOLDERS_OF_PET, *OTHERS)


def given_in(command: str) -> list[str]:
    """Return what a command takes for granted: it names it, and not as its output.

    Examples
    --------
    >>> given_in("petsynth predict my_T1.nii.gz --model runs/axial --out predictions")
    ['my_T1.nii.gz', 'runs/axial']
    >>> given_in("petsynth prepare my_bids prepared --tracer FDG")
    ['my_bids']
    """
    output = r"--(?:out|key)[ =]\S+"
    made = re.sub(output, " ", command)
    for maker in ("prepare", "import-dicom"):
        made = re.sub(rf"(petsynth {maker} +\S+) +(?!participant|group)[\w./-]+", r"\1", made)
    made = re.sub(r"petsynth (simulate|demo) +\S+", "", made)
    names = re.findall(r"""[^\s"'=(),:]+""", made)
    found = [given for given in GIVEN if any(name.rstrip("/") == given for name in names)]
    if "petsynth-demo/" in made:
        found.append("petsynth-demo")
    if "sub-*_T1w" in made:
        found.append("sub-01_T1w.nii.gz")
    return found


class StandIns:
    """Makes what is named, once.

    Parameters
    ----------
    folder : Path
        Where everything is kept.
    """

    ARCHIVE = "127.0.0.1:11104"
    PYTHON = (
        "import nibabel\nfrom pathlib import Path\nif Path('T1.nii.gz').exists():\n"
        "    _image = nibabel.load('T1.nii.gz')\n"
        "    array, affine = _image.get_fdata(), _image.affine"
    )
    """What the page's Python takes for granted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)

    def put(self, name: str, folder: Path) -> None:
        """Put something into a page's folder, unless it is there already."""
        target = folder / name
        if target.exists():
            return
        source = self._made(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, copy_function=shutil.copyfile, symlinks=True)
        else:
            shutil.copyfile(source, target)
        for beside in (source.with_suffix(".img"), source.with_suffix("").with_suffix(".tsv")):
            if beside.is_file() and beside != source:
                shutil.copyfile(beside, target.parent / beside.name)

    @contextlib.contextmanager
    def archive(self, command: str) -> Iterator[None]:
        """Let a small archive listen while something is sent to it."""
        if not command.startswith("petsynth send-dicom"):
            yield
            return
        port = self.ARCHIVE.rpartition(":")[2]
        words = [sys.executable, "-m", "pynetdicom", "storescp", port, "-od", self.folder / "sent"]
        with subprocess.Popen(list(map(str, words))) as server:
            time.sleep(3)
            yield
            server.terminate()

    def _made(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._maker(name)(path)
        return path

    def _maker(self, name: str) -> Callable[[Path], None]:
        own = re.sub(r"\W+", "_", name.lower())
        if hasattr(self, f"_make_{own}"):
            found: Callable[[Path], None] = getattr(self, f"_make_{own}")
            return found
        if name in FILES_OF_T1:
            return lambda path: self._as(self._made("my_bids") / T1, path)
        if name in FILES_OF_PET:
            return lambda path: self._as(self._made("my_bids") / PET, path)
        return self._pets

    def _as(self, source: Path, path: Path) -> None:
        """Write an image in the format of its new name, a 4D one with two volumes."""
        import nibabel as nib
        import numpy as np

        image = nib.load(source)
        data = np.asanyarray(image.dataobj).astype(np.float32)
        if "4D" in path.name:
            data = np.stack([data, 0 * data], axis=-1)
        if path.name.endswith(".mgz"):
            nib.save(nib.MGHImage(data, image.affine), path)
        elif path.name.endswith(".hdr"):
            nib.save(nib.Nifti1Pair(data, image.affine), path)
        elif path.name.endswith(".nrrd"):
            import SimpleITK

            SimpleITK.WriteImage(SimpleITK.ReadImage(str(source)), str(path))
        else:
            nib.save(nib.Nifti1Image(data, image.affine), path)

    def _petsynth(self, *words: object) -> None:
        command = Path(sys.executable).with_name("petsynth")
        subprocess.run(
            list(map(str, (command, *words))), check=True, cwd=self.folder,
            env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def _make_my_bids(self, path: Path) -> None:
        size = ("--subjects", 6, "--voxel-mm", 4, "--pet-voxel-mm", 4)
        self._petsynth("simulate", path, *size)

    def _make_my_bids_av45(self, path: Path) -> None:
        size = ("--subjects", 6, "--voxel-mm", 4, "--pet-voxel-mm", 4)
        self._petsynth("simulate", path, *size, "--tracer", "AV45")

    def _make_t1s(self, path: Path) -> None:
        path.mkdir()
        for number in (1, 2):
            source = self._made("my_bids") / T1.replace("001", f"00{number}")
            shutil.copyfile(source, path / f"head-{number}.nii.gz")

    def _make_masks(self, path: Path) -> None:
        path.mkdir()
        truth = self._made("my_bids") / "derivatives/truth"
        for mask in sorted(truth.glob("sub-*/anat/*_desc-brain_mask.nii.gz")):
            shutil.copyfile(mask, path / mask.name)
        shutil.copyfile(path / "sub-001_desc-brain_mask.nii.gz", path / "T1.nii.gz")

    def _make_prepared(self, path: Path) -> None:
        bids = self._made("my_bids")
        self._petsynth("prepare", bids, path, "--voxel-mm", 6, "--test", 2,
                       "--masks", bids / "derivatives/truth", "--skip-bids-validation")  # fmt: skip

    def _make_prepared_b(self, path: Path) -> None:
        bids = self._made("my_bids")
        self._petsynth("prepare", bids, path, "--voxel-mm", 8, "--test", 2, "--grid", "paper-b",
                       "--masks", bids / "derivatives/truth", "--skip-bids-validation")  # fmt: skip

    def _make_runs_axial(self, path: Path, name: str = "pix2pix-axial") -> None:
        self._petsynth("train", f"small/{name}.toml", "--data", self._made("prepared"),
                       "--out", path, *SMALL.split(), "--training.max-steps", 4)  # fmt: skip

    def _make_runs_augmented(self, path: Path) -> None:
        self._make_runs_axial(path, "pix2pix-augmented")

    def _make_runs_ganbert(self, path: Path) -> None:
        self._petsynth("train", "small/ganbert.toml", "--data", self._made("prepared_b"),
                       "--out", path, "--data.frames", 1, "--training.max-steps", 2)  # fmt: skip

    def _make_predictions(self, path: Path) -> None:
        bids = self._made("my_bids")
        self._petsynth("predict", bids, "--model", self._made("runs/axial"), "--out", path,
                       "--masks", bids / "derivatives/truth")  # fmt: skip

    def _make_evaluation(self, path: Path) -> None:
        self._petsynth("evaluate", self._made("runs/axial"), "--data", self._made("prepared"),
                       "--out", path)  # fmt: skip

    def _make_petsynth_demo(self, path: Path) -> None:
        path.mkdir()
        for name, part in (("my_bids", "bids"), ("prepared", "prepared"),
                           ("predictions", "predictions"), ("evaluation", "evaluation"),
                           ("runs/axial", "runs/pix2pix-axial")):  # fmt: skip
            shutil.copytree(self._made(name), path / part)

    def _pets(self, path: Path) -> None:
        """Write a folder of PETs, called like the subjects of the prepared data."""
        path.mkdir()
        for number in range(1, 7):
            name = f"sub-00{number}"
            source = self._made("prepared") / name / "pet"
            pet = next(source.glob("*_desc-preproc_pet.nii.gz"))
            shutil.copyfile(pet, path / f"{name}_trc-18FFDG_space-aligned_pet.nii.gz")
            shutil.copyfile(
                pet.with_name(pet.name.replace(".nii.gz", ".json")),
                path / f"{name}_trc-18FFDG_space-aligned_pet.json",
            )

    def _make_pairs_tsv(self, path: Path) -> None:
        row = f"{self._made('measured.nii.gz')}\t{self._made('synthetic.nii.gz')}"
        path.write_text(f"reference\tsynthetic\n{row}\n")

    def _make_participants_tsv(self, path: Path) -> None:
        path.write_text("participant_id\tage\tsex\tamyloid\nsub-01\t72\tF\tpositive\n")

    def _make_my_split_tsv(self, path: Path) -> None:
        shutil.copyfile(self._made("prepared") / "split.tsv", path)

    def _make_aparc_aseg_nii_gz(self, path: Path) -> None:
        self._labels(path, (17, 53, 16, 10, 49))

    def _make_schaefer_nii_gz(self, path: Path) -> None:
        """Write the bundled atlas under another name: an atlas must lie in MNI space."""
        import nibabel as nib
        import numpy as np

        from petsynth.regional.atlas import bundled_atlas

        atlas = bundled_atlas()
        data = np.asarray(atlas.labels.data, dtype=np.int16)
        nib.save(nib.Nifti1Image(data, atlas.labels.affine), path)
        rows = "".join(f"{number}\t{name}\n" for number, name in atlas.names.items())
        path.with_name("schaefer.tsv").write_text(f"index\tname\n{rows}")

    def _labels(self, path: Path, numbers: tuple[int, ...]) -> None:
        """Write a segmentation: slabs of the brain mask, from left to right."""
        import nibabel as nib
        import numpy as np

        truth = self._made("my_bids") / "derivatives/truth/sub-001/anat"
        mask = nib.load(truth / "sub-001_desc-brain_mask.nii.gz")
        inside = np.asanyarray(mask.dataobj) > 0
        slabs = np.linspace(0, len(numbers), inside.shape[0], endpoint=False).astype(int)
        data = np.array(numbers)[slabs][:, None, None] * inside
        nib.save(nib.Nifti1Image(data.astype(np.int16), mask.affine), path)

    def _make_export(self, path: Path) -> None:
        self._make_export_patient7(path / "patient7")

    def _make_dicom(self, path: Path) -> None:
        self._make_export_patient7(path)

    def _make_adni(self, path: Path) -> None:
        self._make_export_patient7(path / "011_S_0002" / "T1", with_pet=False)
        self._make_export_patient7(path / "011_S_0002" / "PET", with_t1=False)

    def _make_export_patient7(
        self, path: Path, *, with_t1: bool = True, with_pet: bool = True
    ) -> None:
        """Write T1 and PET of a simulated subject as a scanner would, with the tests' makers."""
        sys.path.insert(0, str(ROOT))
        from tests.io.dicom.makers import Plan, changed, write

        bids = self._made("my_bids")
        if with_t1:
            write(Plan(*_as_slices(bids / T1)), path)
        if with_pet:
            plan = Plan(*_as_slices(bids / PET))
            write(changed(plan, modality="PT", series=2, values=plan.values * 1000), path)

    def _make_cases_tsv(self, path: Path) -> None:
        t1, pet = self._made("mri.nii.gz"), self._made("pet.nii.gz")
        rows = "".join(f"case-{n}\tsub-{n}\treal\t{t1}\t{pet}\n" for n in range(8))
        path.write_text(f"name\tsubject\ttruth\tmri\tpet\n{rows}")


def _as_slices(path: Path) -> tuple[object, ...]:
    """Return a NIfTI's voxels, vendor, modality, directions, origin and spacing for axial slices.

    RAS becomes DICOM's LPS: rows run to the left, columns to the back.
    """
    import nibabel as nib
    import numpy as np

    image = nib.as_closest_canonical(nib.load(path))
    data = np.asanyarray(image.dataobj).astype(np.float32)[::-1, ::-1, :]
    far = image.affine @ [image.shape[0] - 1, image.shape[1] - 1, 0, 1]
    spacing = tuple(float(each) for each in image.header.get_zooms()[2::-1])
    values = data.transpose(2, 1, 0)[None]
    axial = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    origin = (-float(far[0]), -float(far[1]), float(far[2]))
    return values, "siemens", "MR", axial, origin, spacing
