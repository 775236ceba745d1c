"""The pictures of one prepared subject, shown on its page and kept as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from petsynth.figures.quality import draw_alignment, draw_intensities, draw_regions
from petsynth.figures.save import save_png
from petsynth.io.bids.index import Scan
from petsynth.prepare.quality_control import flags_of
from petsynth.preprocessing.resampling import resample_mask
from petsynth.preprocessing.subject import PreparedSubject

DOTS_PER_INCH = 100


def write_pictures(
    root: Path,
    scan: Scan,
    subject: PreparedSubject,
    *,
    simulated: bool,
    replaced: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write alignment, histograms and, where there are any, regions; return their paths.

    ``replaced`` is that of `petsynth.prepare.quality_control.qc_row`.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written.
    """
    stem = root / scan.folder / "figures" / scan.stem
    unit = subject.pet.unit
    figures = {
        "alignment": draw_alignment(
            subject.mri,
            {
                "as the file headers say": subject.unaligned_pet.data,
                "registered" if subject.aligned else "centred": subject.static_pet().data,
            },
            subject.mask,
            title=_title(scan, subject),
            warning="; ".join(flag.text for flag in flags_of(scan, subject, replaced)),
            simulated=simulated,
        ),
        "histograms": draw_intensities(
            subject.mri, subject.pet.data, subject.mask, unit=unit, simulated=simulated
        ),
    }
    regions = [] if subject.uptake is None else [subject.uptake.reference, subject.uptake.target]
    masks = {
        each.name: resample_mask(each.mask, subject.pet.grid)
        for each in regions
        if each is not None
    }
    if masks:
        figures["regions"] = draw_regions(
            subject.static_pet().data, masks, unit=unit, simulated=simulated
        )
    paths = []
    for name, figure in figures.items():
        paths.append(Path(f"{stem}_desc-{name}_pet.png"))
        save_png(figure, paths[-1], dots_per_inch=DOTS_PER_INCH)
    return paths


def _title(scan: Scan, subject: PreparedSubject) -> str:
    quality, name = subject.quality, f"{scan.stem}, {scan.tracer}"
    if quality.pet_shift_mm is None:
        return f"{name}: T1 and PET are centred, not aligned"
    return (
        f"{name}: moved {quality.pet_shift_mm:.1f} mm and {quality.pet_rotation_deg:.1f}°, local "
        f"correlation ratio {quality.local_correlation_ratio:.2f} "
        f"(flipped {quality.local_correlation_ratio_flipped:.2f})"
    )
