"""Headers of real scanners, as far as pydicom's wheel carries some."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from petsynth.errors import InputError
from petsynth.io.dicom.conversion import convert
from petsynth.io.dicom.files import find_files, read_file
from petsynth.io.dicom.kinds import recognise
from petsynth.io.dicom.series import find_series, lay_out

pydicom = pytest.importorskip("pydicom", reason="needs the extra dicom")
FILES = Path(pydicom.__file__).parent / "data" / "test_files"


@pytest.fixture(scope="module", autouse=True)
def there():
    if not (FILES / "MR_small.dcm").exists():
        pytest.skip("this pydicom carries no test files")


def test_no_file_stops_the_reading():
    found = {path.name: read_file(path) for path in find_files(FILES)}
    assert found["MR_truncated.dcm"].damage == "is truncated"
    assert found["MR_small.dcm"].damage == ""
    assert found["CT_small.dcm"] is None
    for name, each in found.items():
        if "DICOMDIR" in name or name.startswith("rt"):
            assert each is None, name


@pytest.mark.parametrize(
    "kind", ["RLE", "bigendian", "implicit", "jp2klossless", "jpeg_ls_lossless", "padded", "expb"]
)
def test_one_slice_in_seven_spellings(tmp_path, kind):
    images = []
    for name in ("MR_small.dcm", f"MR_small_{kind}.dcm"):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(FILES / name, folder / "in.dcm")
        (series,) = find_series(folder, print)
        assert series.problem == ""
        images.append(convert(series, folder / "scratch").values)
    np.testing.assert_array_equal(images[1], images[0])


def test_the_series_of_a_disc():
    """Localizers and a projection of several studies: no T1-weighted volume, and each says why."""
    series = find_series(FILES / "dicomdirtests", print)
    assert len({each.study for each in series}) > 1
    assert {each.modality for each in series} == {"MR"}
    for each in series:
        found = recognise(each)
        assert found.kind is None
        assert found.reason
        if len(each.frames) > 1:
            with pytest.raises(InputError):
                lay_out(each)
