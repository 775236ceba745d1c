"""All slices of a prepared subject as JPEG files, as paper A converted its images.

``slices/sub-001/axial_060_mri.jpg`` and ``..._pet.jpg``: grey level 0 is the network's -1, 255
its 1. Training does not need them (`petsynth.data.jpeg` makes the same quantisation in memory);
they are for viewing and for other programs.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import get_args

from petsynth.data.jpeg import encode, to_uint8
from petsynth.data.prepared import PreparedData
from petsynth.data.scale import to_network
from petsynth.errors import OutputError
from petsynth.io.atomic import refusals_named, temporary_prefix
from petsynth.io.removal import remove_own
from petsynth.slicing import Plane, take_slices


def export_slices(data: PreparedData, participant: str) -> int:
    """Write the slices of three planes of one subject's MRI and static PET.

    The folder appears complete or not at all; an earlier one is replaced.

    Returns
    -------
    int
        How many files.

    Raises
    ------
    InputError
        If the subject's arrays are missing or damaged.
    OutputError
        If something else stands among the slices, or they cannot be written.
    """
    final = data.folder / "slices" / participant
    final.parent.mkdir(parents=True, exist_ok=True)
    volumes = {
        "mri": data.mri(participant),
        "pet": to_network(data.static_pet(participant), data.pet_scale),
    }
    count = 0
    with (
        refusals_named(final),
        tempfile.TemporaryDirectory(prefix=temporary_prefix(), dir=final.parent) as name,
    ):
        folder = Path(name) / participant
        folder.mkdir()
        for kind, volume in volumes.items():
            grey = to_uint8(volume, -1, 1)
            for plane in get_args(Plane):
                for index, image in enumerate(take_slices(grey, plane)):
                    (folder / f"{plane}_{index:03}_{kind}.jpg").write_bytes(encode(image))
                    count += 1
        if final.is_symlink():
            raise OutputError(f"{final}: is a link; remove it")
        if final.exists():
            remove_own(final, ("*.jpg",), "the slices of a subject")
            final.rmdir()
        folder.rename(final)
    return count
