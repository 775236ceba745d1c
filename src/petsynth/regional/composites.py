"""Meta-ROIs and composites per tracer, with their sources; figures: ``composites.toml``.

What a composite is made of must be there: a member that the scheme does not define (the DKT
protocol has no temporal pole) is left out and named, one that has no mean leaves none for the
composite.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

import numpy as np

from petsynth.regional.labels import label_names, split_side
from petsynth.regional.means import NAN, RegionMean, pooled
from petsynth.simulation.regions import Scheme

Pipeline = Literal["freesurfer", "mni"]
DKT_WITHOUT = ("bankssts", "frontalpole", "temporalpole")
"""Regions of Desikan and Killiany's protocol that the DKT protocol gave up."""


@dataclass(frozen=True)
class Threshold:
    """From which SUVR on a scan counts as abnormal, or up to which."""

    suvr: float
    source: str
    below: bool = False

    def is_positive(self, suvr: float) -> bool | None:
        """Whether a value counts as abnormal; None if it is NaN.

        Examples
        --------
        >>> Threshold(1.11, "").is_positive(1.2), Threshold(1.21, "", below=True).is_positive(1.3)
        (True, False)
        """
        if not np.isfinite(suvr):
            return None
        return bool(suvr <= self.suvr if self.below else suvr >= self.suvr)


@dataclass(frozen=True)
class Centiloid:
    """Centiloid = slope * SUVR + intercept, for one pipeline."""

    slope: float
    intercept: float
    pipeline: Pipeline
    source: str

    def of(self, suvr: float) -> float:
        """Return Centiloids."""
        return self.slope * suvr + self.intercept


@dataclass(frozen=True)
class Composite:
    """A mean over regions that a publication defined, for one tracer.

    Parameters
    ----------
    name, title : str
        Short name, and in words.
    reference : str
        Region that values are divided by.
    groups : mapping from scheme to tuple of tuple of str
        Groups of regions, without side where both are meant.
    mask : str
        In place of groups: a region in MNI space; empty if there is none.
    source, caveat : str
        Where it is from, and where this program departs from there.
    threshold : Threshold or None
        If one is published.
    centiloid : Centiloid or None
        If a conversion is published for this tracer.
    checked : bool
        Whether the figures were read in the source.
    """

    name: str
    title: str
    reference: str
    groups: Mapping[str, tuple[tuple[str, ...], ...]]
    mask: str
    source: str
    caveat: str
    threshold: Threshold | None
    centiloid: Centiloid | None
    checked: bool


@dataclass(frozen=True)
class CompositeValue:
    """A composite of one scan.

    Parameters
    ----------
    suvr : float
        NaN if there is none.
    note : str
        Why there is none, or which members are not in it; may be empty.
    centiloid : float
        NaN if there is none.
    centiloid_note : str
        Why there is none, or of which pipeline it is.
    is_positive : bool or None
        None where no threshold is published or there is no value.
    """

    suvr: float
    note: str
    centiloid: float
    centiloid_note: str
    is_positive: bool | None


@functools.cache
def composites_of(tracer: str) -> tuple[Composite, ...]:
    """Return the composites of a tracer, in the order of the table; none for an unknown tracer.

    Examples
    --------
    >>> [each.name for each in composites_of("AV1451")]
    ['tau-meta-roi', 'braak-1-2', 'braak-3-4', 'braak-5-6']
    """
    text = resources.files(__package__).joinpath("composites.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    return tuple(
        _composite(name, table, tracer)
        for name, table in tables.items()
        if tracer in table["tracers"]
    )


def _composite(name: str, table: Mapping[str, Any], tracer: str) -> Composite:
    own = table.get("thresholds", {}).get(tracer)
    threshold = None
    if own is not None:
        threshold = Threshold(own["positive_from"], own["source"])
    elif "positive_from" in table:
        below = table.get("below_is_positive", False)
        threshold = Threshold(table["positive_from"], table["threshold_source"], below)
    conversion = table.get("centiloid", {}).get(tracer)
    return Composite(
        name,
        table["title"],
        table["reference"],
        {scheme: tuple(map(tuple, groups)) for scheme, groups in table.get("groups", {}).items()},
        table.get("mask", ""),
        table["source"],
        table["caveat"],
        threshold,
        None if conversion is None else Centiloid(**conversion),
        table["checked"],
    )


def measure_composite(
    composite: Composite,
    regions: Mapping[str, RegionMean],
    references: Mapping[str, RegionMean],
    scheme: Scheme | None,
    *,
    is_own_segmentation: bool,
) -> CompositeValue:
    """Return a composite's SUVR in one scan, its Centiloids and whether it is abnormal.

    Parameters
    ----------
    composite : Composite
        From `composites_of`.
    regions : mapping from str to RegionMean
        By the names of `petsynth.regional.labels`.
    references : mapping from str to RegionMean
        Regions of MNI space by name: reference regions and masks.
    scheme : {"freesurfer", "muse"} or None
        Of the regions.
    is_own_segmentation : bool
        Whether they are the subject's own, not an atlas'.
    """
    mean, note = _mean(composite, regions, references, scheme)
    divisor = references.get(composite.reference)
    if not note or np.isfinite(mean):
        if divisor is None:
            mean, note = NAN, f"the reference region {composite.reference} needs the T1"
        elif not divisor.mean > 0:
            why = divisor.note or "its mean is not positive"
            mean, note = NAN, f"reference region {composite.reference}: {why}"
    if not np.isfinite(mean) or divisor is None:
        return CompositeValue(NAN, note, NAN, "no SUVR", None)
    suvr = mean / divisor.mean
    pipeline = "mni" if composite.mask else ("freesurfer" if is_own_segmentation else "atlas")
    value, said = _centiloid(composite, suvr, pipeline, scheme)
    positive = None if composite.threshold is None else composite.threshold.is_positive(suvr)
    return CompositeValue(suvr, note, value, said, positive)


def _mean(
    composite: Composite,
    regions: Mapping[str, RegionMean],
    references: Mapping[str, RegionMean],
    scheme: Scheme | None,
) -> tuple[float, str]:
    """Return the mean before division, and what to say of it."""
    if composite.mask:
        found = references.get(composite.mask)
        if found is None:
            return NAN, f"the region {composite.mask} needs the T1"
        return found.mean, found.note
    if scheme is None or scheme not in composite.groups:
        return NAN, "its regions are not defined by these labels"
    means, without = [], []
    for group in composite.groups[scheme]:
        names = _members(group, scheme)
        undefined = [name for name in names if _is_undefined(name, regions)]
        without += [split_side(name)[0] for name in undefined]
        parts = [name for name in names if name not in undefined]
        absent = [name for name in parts if name not in regions]
        empty = absent + [name for name in parts if name in regions and regions[name].note]
        if empty or not parts:
            return NAN, f"no value of {', '.join(empty or names)}"
        means.append(pooled([regions[name] for name in parts]))
    note = f"without {', '.join(dict.fromkeys(without))}" if without else ""
    return float(np.mean(means)), note


def _is_undefined(name: str, regions: Mapping[str, RegionMean]) -> bool:
    """Whether the protocol itself lacks a region; it is no gap of this scan."""
    return name not in regions and split_side(name)[0] in DKT_WITHOUT


def _members(group: tuple[str, ...], scheme: Scheme) -> list[str]:
    """Return names with sides."""
    known = {each.name for each in label_names(scheme).values()}
    return [
        side
        for name in group
        for side in ([name] if name in known else [f"{name}_left", f"{name}_right"])
    ]


def _centiloid(
    composite: Composite, suvr: float, pipeline: str, scheme: Scheme | None
) -> tuple[float, str]:
    conversion = composite.centiloid
    if conversion is None:
        return NAN, "no conversion is published for this region and tracer"
    fits = pipeline == conversion.pipeline and (pipeline == "mni" or scheme == "freesurfer")
    if not fits:
        return NAN, (
            "the published conversion holds for the subject's own FreeSurfer regions only "
            f"({conversion.source})"
        )
    return conversion.of(suvr), conversion.source
