"""Derive the spatial patterns of uptake: ``pattern_TRACER.npz`` and ``pattern_means.csv``.

Run by a developer, with the development data at hand (about 40 minutes on one core):

    python tools/derive_uptake_fields.py ../shared/data --cache /tmp/uptake FDG AV45 AV1451
    python tools/derive_uptake_fields.py ../shared/data --cache /tmp/uptake settle
    python tools/derive_uptake_fields.py ../shared/data --cache /tmp/uptake check

Sources, all of which allow derived figures to ship with their citation:

- FDG: mean of 50 controls and 50 patients with dementia (Della Rosa et al., Neuroinformatics 12,
  2014; MIT licence) and mean of 116 healthy adults (Chinese-Brain-PET-Template, DlutMedimgGroup;
  MIT). The level is that of 537 normal adults (FDG-NeuroSegmenter; MIT).
- AV45: mean of 296 cognitively normal adults (MIBA florbetapir atlas, OpenNeuroPET; CC BY 4.0),
  and regional baselines (ATNModelling; MIT) for the brain's outer surface, which that atlas blurs.
- AV1451: regional means of the tau-negative component (ATNModelling, sihnpy; MIT); substantia nigra
  and red nucleus by place and size from the literature (`OFF_TARGET`), since there is no map.
- Tissue: 24 IXI T1s of the training split (CC BY-SA 3.0); regions: antsDktMalfLabels of an old-age
  template (petSUVR; Apache-2.0). Only means over the group enter.

The first three fit; ``settle`` then brings FDG's and AV45's broad pattern to the maps by affine
registration alone (`uptake_fields.settle`). ``check`` fits FDG to one map and compares with the
other, both ways; it writes nothing.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from uptake_fields.atlas import deep_regions, dkt_labels, regional_table, soft_regions
from uptake_fields.checks import compare
from uptake_fields.fit import (
    Fields,
    Forward,
    Observation,
    Penalties,
    Prior,
    RegionalForward,
    fit,
    initial_fields,
    normative_fdg,
    prior_from,
    spots_on_lattice,
    tabulated,
    upsample,
)
from uptake_fields.group import GRID, GroupTissue, group_tissue
from uptake_fields.maps import known_maps, register_map
from uptake_fields.settle import Reference, brain_of, settle, simulated_mean
from uptake_fields.ship import ship, write_pattern

from petsynth.simulation.pattern import Pattern, read_pattern
from petsynth.simulation.regions import CODES, REGIONS, codes_of_tissue
from petsynth.simulation.uptake import TracerModel, tracer_model

SUBJECTS = 24
ATROPHY = {"healthy": 0.06, "patient": 0.65}
"""Means of simulated controls and patients."""
FWHM_MM = {"chinese": 8.0, "della-rosa": 11.0, "miba": 10.0, "table": 8.0}
"""Blur of each map against the group's tissue, where it fits best (tried: 7 to 15 mm)."""
FDG_CORTEX = 2.107
"""SUVR of cortex before blur that gives the level of 537 adults after 6.5 mm (r 0.89)."""
EDGE_VOXELS = 3
"""The florbetapir atlas is skull-stripped and averaged: this much of its surface is not used."""
TABLE_WEIGHT = 2.0
"""Of the regional table's squared differences, relative to the atlas's."""
POSITIVE_BURDEN = 0.25 * 0.4
"""Mean amyloid load of cognitively normal adults: a quarter has 0.4."""
OFF_TARGET = (
    ((10.0, -18.0, -11.0), 4.0, 0.22),
    ((5.0, -21.0, -8.0), 3.5, 0.12),
)
"""Substantia nigra and red nucleus: place (right, MNI, mm), size (mm), relative rise. Flortaucipir
binds neuromelanin (Marquie et al., Ann Neurol 78, 2015; Lowe et al., Acta Neuropathol Commun 4,
2016; Baker et al., J Nucl Med 60, 2019); the rise is set so that nigra is about 1.5 after blur."""
TAU_DEEP = {"pons": 1.05, "brain_stem": 1.08}
"""Tau-negative SUVR after blur where the tables are silent (design)."""


class Source:
    """What every fit needs."""

    def __init__(self, data: Path, cache: Path) -> None:
        self.data, self.cache = data, cache
        self.healthy, self.patient = (
            group_tissue(data / "ixi", SUBJECTS, atrophy, cache) for atrophy in ATROPHY.values()
        )
        self.maps = known_maps(data)
        self.none = np.ones(len(REGIONS))

    def registered(self, name: str, model: Forward, fields: Fields, *, spline: bool) -> np.ndarray:
        """Return a real map, registered to what the fields predict for it."""
        with torch.no_grad():
            reference = model.blurred(fields).numpy()
        return register_map(self.maps[name], reference, spline=spline)


def fdg_prior() -> Prior:
    """Return what FDG's fit starts from: the values solved from 537 adults."""
    mean = normative_fdg()
    cortex = mean[codes_of_tissue("cortex")].mean()
    return prior_from(mean, cortex, mean[CODES["white_matter"]], tracer_model("FDG").scalp)


def fdg_observation(source: Source, name: str) -> Observation:
    """Return a map without its image: who is on it, and its blur."""
    model = tracer_model("FDG")
    ill = model.expected(ATROPHY["patient"]) / model.mean.clip(1e-9)
    groups = [(source.healthy, source.none, 1.0)]
    if name == "della-rosa":
        groups = [(source.healthy, source.none, 0.5), (source.patient, ill, 0.5)]
    return Observation(np.ones(GRID.shape), groups, FWHM_MM[name])


def fdg_models(source: Source, names: list[str]) -> list[Forward]:
    """Register maps, to the prior and then to their own first fit; return what is to be fitted."""
    models = []
    for name in names:
        empty = fdg_observation(source, name)
        fields = initial_fields(fdg_prior())
        for last in (False, True):
            image = source.registered(name, Forward(empty), fields, spline=True)
            model = Forward(replace(empty, image=image / np.percentile(image, 99.9)))
            if not last:
                fields = fit([model], fdg_prior(), Penalties(iterations=60))
        models.append(model)
    return models


def derive_fdg(source: Source) -> None:
    """Fit FDG to both maps."""
    models = fdg_models(source, ["chinese", "della-rosa"])
    fields = fit(models, fdg_prior(), Penalties())
    ship("FDG", fields, source.healthy, FDG_CORTEX)


def references_of(source: Source, tracer: str) -> dict[str, Reference]:
    """Return the real maps of a tracer, with whom they show at their mean uptake."""
    model = tracer_model(tracer)
    if tracer == "AV45":
        some = model.expected(POSITIVE_BURDEN)
        groups = [
            (replace(each, scalp=np.zeros_like(each.scalp)), some, 0.5)
            for each in (source.healthy, source.patient)
        ]
        return {"miba": Reference(source.maps["miba"], groups, FWHM_MM["miba"])}
    ill = model.expected(ATROPHY["patient"])
    mixed = [(source.healthy, model.mean, 0.5), (source.patient, ill, 0.5)]
    healthy = [(source.healthy, model.mean, 1.0)]
    return {
        name: Reference(source.maps[name], groups, FWHM_MM[name])
        for name, groups in (("chinese", healthy), ("della-rosa", mixed))
    }


def level_of(source: Source, tracer: str) -> np.ndarray:
    """Return weights of the region that sets the level: FDG's cortex, AV45's whole cerebellum."""
    if tracer == "AV45":
        return whole_cerebellum(source.healthy).numpy().astype(np.float32)
    cortex = codes_of_tissue("cortex")
    return sum(source.healthy.grey[code].astype(np.float32) for code in cortex)


def settle_shipped(source: Source) -> None:
    """Settle the shipped fields of FDG and AV45; print what agreement the maps had and have."""
    for tracer, edge in (("FDG", 0), ("AV45", EDGE_VOXELS)):
        model, references = tracer_model(tracer), references_of(source, tracer)
        before = read_pattern(tracer)
        level = level_of(source, tracer)
        for name, each in references.items():  # fitted to one map, compared with all
            after = settle(before, model, [each], level, edge)
            print_agreement(tracer, f"settled with {name}", model, after, references, edge)
        after = settle(before, model, list(references.values()), level, edge)
        print_agreement(tracer, "before", model, before, references, edge)
        print_agreement(tracer, "after", model, after, references, edge)
        write_pattern(tracer, after.grey, after.white)


def print_agreement(
    tracer: str, what: str, model: TracerModel, pattern: Pattern,
    references: dict[str, Reference], edge: int,
) -> None:  # fmt: skip
    """Print a JSON object per real map: registered by an affine transform alone."""
    for name, each in references.items():
        simulated = simulated_mean(pattern, model, each)
        real = register_map(each.map, simulated, spline=False)
        inside = brain_of(each)
        if edge:
            inside = ndimage.binary_erosion(inside, iterations=edge)
        tissue = each.groups[0][0]
        result = compare(real, simulated, tissue, inside & (real > 0))
        result.pop("percent")
        print(json.dumps({"tracer": tracer, "fields": what, "map": name} | result), flush=True)


def check_fdg(source: Source) -> None:
    """Fit one map, compare with the other; print one JSON object per direction."""
    for name, other in (("chinese", "della-rosa"), ("della-rosa", "chinese")):
        fields = fit(fdg_models(source, [name]), fdg_prior(), Penalties())
        model = Forward(fdg_observation(source, other))
        for spline in (False, True):
            real = source.registered(other, model, fields, spline=spline)
            with torch.no_grad():
                simulated = model.blurred(fields, 6.5).numpy()
            result = compare(real, simulated, source.healthy, model.brain.numpy())
            print(json.dumps({"fitted": name, "compared": other, "spline": spline} | result))


def derive_av45(source: Source) -> None:
    """Fit AV45 to the atlas's inside and to the regional table."""
    mean, disease, scalp = tabulated("AV45")
    cortex = mean[codes_of_tissue("cortex")].mean()
    prior = prior_from(mean, cortex, mean[CODES["white_matter"]], scalp)
    some = 1 + POSITIVE_BURDEN * disease
    stripped = [replace(each, scalp=np.zeros_like(each.scalp)) for each in
                (source.healthy, source.patient)]  # fmt: skip
    groups = [(each, some, 0.5) for each in stripped]
    empty = Observation(np.ones(GRID.shape), groups, FWHM_MM["miba"])
    image = source.registered("miba", Forward(empty), initial_fields(prior), spline=False)
    unit = float(np.percentile(image, 99.9))
    model = Forward(replace(empty, image=image / unit, weight=1.0))
    inner = ndimage.binary_erosion(
        ndimage.binary_fill_holes(model.brain.numpy()), iterations=EDGE_VOXELS
    )
    model.mask = torch.as_tensor(inner & (image > 0))
    model.brain = model.mask
    table = regional_table(
        source.data / "amyloid-tau-regional/labelled_regional_amyloid_tau.csv", "fbp_baseline_comp"
    )
    cortical = {number: value for number, value in table.items() if number > 1000}
    labels = dkt_labels(source.data, source.cache)
    weights, values = soft_regions(source.healthy, labels, cortical)
    seen = Observation(np.ones(GRID.shape), [(source.healthy, source.none, 1.0)],
                       FWHM_MM["table"], weight=TABLE_WEIGHT)  # fmt: skip
    regional = RegionalForward(seen, weights, values)
    fields = fit([model, regional], prior, Penalties(white_smooth=0.03))
    with torch.no_grad():
        scale = float(model.scale(model.blurred(fields))) * unit
    with torch.no_grad():
        whole = scale * float(regional.blurred(fields)[whole_cerebellum(source.healthy)].mean())
    # The atlas's edge leaves the cerebellum's level open; by definition its SUVR is 1.
    ship("AV45", fields, source.healthy, cortex_of(fields, source.healthy) * scale, 1 / whole)


def whole_cerebellum(tissue: GroupTissue) -> torch.Tensor:
    """Return where the cerebellum is on `GRID`: cortex, and white matter below z = -28 mm."""
    low = np.indices(GRID.shape)[2] * 2 - 72 < -28
    cortex = tissue.grey[CODES["cerebellar_cortex"]] > 0.5
    return torch.as_tensor(cortex | (tissue.white > 0.5) & low)


def cortex_of(fields: Fields, tissue: GroupTissue) -> float:
    """Return cortex's mean in the fit's unit."""
    grey = torch.exp(upsample(fields.grey)).numpy(force=True)
    cortex = sum(tissue.grey[code].astype(np.float32) for code in codes_of_tissue("cortex"))
    return float((grey * cortex).sum() / cortex.sum())


def derive_av1451(source: Source) -> None:
    """Fit AV1451 to regional means and add the nigra and the red nucleus."""
    mean, _, scalp = tabulated("AV1451")
    cortex = mean[codes_of_tissue("cortex")].mean()
    prior = prior_from(mean, cortex, mean[CODES["white_matter"]], scalp)
    folder = source.data / "amyloid-tau-regional"
    table = regional_table(folder / "labelled_regional_amyloid_tau.csv", "tau_neg_mean")
    cortical = {number: value for number, value in table.items() if number > 1000}
    labels = dkt_labels(source.data, source.cache)
    weights, values = soft_regions(source.healthy, labels, cortical)
    more_weights, more_values = deep_regions(source.healthy, folder, TAU_DEEP)
    groups = [(source.healthy, source.none, 1.0)]
    seen = Observation(np.ones(GRID.shape), groups, FWHM_MM["table"])
    model = RegionalForward(seen, weights + more_weights, values + more_values)
    fields = fit([model], prior, Penalties(grey_smooth=0.01, base=0.001))
    with torch.no_grad():
        own = model.means(model.blurred(fields))
        scale = float(model.scale_of(own))
    level = cortex_of(fields, source.healthy) * scale
    ship("AV1451", fields, source.healthy, level, rise=spots_on_lattice(OFF_TARGET))


def main() -> None:
    """Derive what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("what", nargs="+", choices=["FDG", "AV45", "AV1451", "settle", "check"])
    parser.add_argument("--cache", type=Path, default=Path("/tmp/uptake_fields"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    source = Source(args.data, args.cache)
    steps = {"FDG": derive_fdg, "AV45": derive_av45, "AV1451": derive_av1451,
             "settle": settle_shipped, "check": check_fdg}  # fmt: skip
    for what in args.what:
        steps[what](source)


if __name__ == "__main__":
    main()
