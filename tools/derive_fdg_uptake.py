"""Derive `fdg_normative.csv`: regional FDG uptake before blur, and how subjects differ.

Run once by a developer, with the normative data (FDG-NeuroSegmenter, MIT licence) at hand:

    python tools/derive_fdg_uptake.py ../shared/data/fdg-normative/cn_regional_uptake.csv \\
        ../shared/data/ixi

The measured values (537 cognitively normal adults, relative to the pons) hold what the
scanner's blur mixed into each region. They are unmixed with the mean geometric transfer matrix of
labelled real T1s, with as little atrophy as simulated controls have, so that uptake simulated on
those and blurred gives back what was measured. (The embedded cohort is not used: its cortex is
delineated differently, and a compromise fits neither.) White matter was not measured and is set so
that cortex has 3.5 times its uptake.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import lsq_linear

from petsynth.simulation.labelled import find_labelled_scans, make_labelled_anatomy
from petsynth.simulation.regions import CODES, REGIONS, codes_of_tissue
from petsynth.simulation.scanner import FWHM_MM
from petsynth.simulation.transfer import transfer_matrix

GREY_TO_WHITE = 3.5
FLUID = 0.08
FACTORS = 5
SUBJECTS = 8
ATROPHY = 0.06
"""Of the labelled T1s: the mean of simulated controls."""
NAMES = {
    "superior_frontal_gyrus": "superior_frontal",
    "orbitofrontal_cortex": "orbitofrontal",
    "dorsolateral_frontal_cortex": "dorsolateral_frontal",
    "paracentral_lobule": "paracentral",
    "postcentral_gyrus": "postcentral",
    "dorsolateral_parietal_cortex": "dorsolateral_parietal",
    "anterior_cingulate_cortex": "anterior_cingulate",
    "posterior_cingulate_cortex": "posterior_cingulate",
    "isthmus_cingulate_cortex": "isthmus_cingulate",
    "lateral_temporal_cortex": "lateral_temporal",
    "mesial_temporal_cortex": "mesial_temporal",
    "lateral_occipital_cortex": "lateral_occipital",
    "pericalcarine_cortex": "pericalcarine",
    "lingual_gyrus": "lingual",
    "globus_pallidus": "pallidum",
    "brainstem_wo_pons": "brain_stem",
}
HEADER = """# Source: FDG-NeuroSegmenter, cn_regional_uptake.csv (NM-Radiopharmacology, MIT).
# 537 cognitively normal adults, uptake relative to the pons. Made by tools/derive_fdg_uptake.py.
# measured: mean as published, after blur; before_blur: unmixed, see the tool;
# residual, factor1...: relative to the mean, standard deviation per region and loadings.
"""


def main(path: str, labelled: str) -> None:
    """Write the table into the package."""
    adults = read_adults(path)
    measured = adults.mean()
    solved = unmix(measured, mean_transfer_matrix(labelled))
    residual, loadings = factorise((adults / measured - 1).to_numpy())
    table = pd.DataFrame({"region": adults.columns, "measured": measured.to_numpy()})
    table["before_blur"] = [solved[CODES[name]] for name in adults.columns]
    table["residual"] = residual
    for number in range(FACTORS):
        table[f"factor{number + 1}"] = loadings[:, number]
    table = pd.concat([table, white_rows(table, solved)], ignore_index=True)
    target = Path(__file__).parents[1] / "src/petsynth/simulation/fdg_normative.csv"
    target.write_text(HEADER + table.round(4).to_csv(index=False), encoding="utf-8")
    print(f"{target}\n{table.iloc[:, :4].round(3).to_string()}")


def white_rows(table: pd.DataFrame, solved: np.ndarray) -> pd.DataFrame:
    """Return rows for what was not measured: it varies as cortex does on average."""
    cortex = [REGIONS[code].name for code in codes_of_tissue("cortex")]
    common = table[table["region"].isin(cortex)].filter(like="factor").mean()
    unmeasured = ("white_matter", "cerebellar_white_matter")
    return pd.DataFrame(
        [
            {"region": name, "before_blur": solved[CODES[name]], "residual": 0.04, **common}
            for name in unmeasured
        ]
    )


def read_adults(path: str) -> pd.DataFrame:
    """Return one row per subject and one column per region, by this package's names."""
    adults = pd.read_csv(path)
    cerebellum = adults[["cerebellar_cortex_left", "cerebellar_cortex_right"]].mean(axis=1)
    adults = adults.drop(columns=["cerebellar_cortex_left", "cerebellar_cortex_right"])
    renamed = {}
    for column in map(str, adults.columns):
        stem, _, side = column.rpartition("_")
        sided = side in ("left", "right")
        name = NAMES.get(stem if sided else column, stem if sided else column)
        renamed[column] = f"{name}_{side}" if sided else name
    return adults.rename(columns=renamed).assign(cerebellar_cortex=cerebellum)


def mean_transfer_matrix(labelled: str) -> np.ndarray:
    """Return the mean transfer matrix of labelled real T1s."""
    scans = find_labelled_scans(labelled)
    chosen = scans[:: len(scans) // SUBJECTS][:SUBJECTS]
    anatomies = [make_labelled_anatomy(scan, ATROPHY) for scan in chosen]
    return np.mean([transfer_matrix(anatomy, FWHM_MM) for anatomy in anatomies], axis=0)


def unmix(measured: pd.Series, matrix: np.ndarray) -> np.ndarray:
    """Solve for the uptake before blur, by region code."""
    codes = [CODES[name] for name in measured.index]
    cortex = [code for code in codes if code in codes_of_tissue("cortex")]
    rows = [matrix[code] for code in codes]
    values = list(measured)
    for name, ratio in (("white_matter", GREY_TO_WHITE), ("cerebellar_white_matter", 3.0)):
        row = np.zeros(len(REGIONS))
        grey = cortex if name == "white_matter" else [CODES["cerebellar_cortex"]]
        row[grey] = 1 / len(grey) / ratio
        row[CODES[name]] = -1
        rows.append(10 * row)
        values.append(0.0)
    for code in codes_of_tissue("csf"):
        rows.append(10 * np.eye(len(REGIONS))[code])
        values.append(10 * FLUID)
    solved = lsq_linear(np.array(rows), np.array(values), bounds=(0, 4)).x
    return solved


def factorise(relative: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split the covariance into a few common factors and each region's own rest."""
    covariance = np.cov(relative.T)
    values, vectors = np.linalg.eigh(covariance)
    loadings = vectors[:, ::-1][:, :FACTORS] * np.sqrt(values[::-1][:FACTORS])
    rest = np.diag(covariance) - (loadings**2).sum(axis=1)
    return np.sqrt(np.maximum(rest, 0)), loadings


if __name__ == "__main__":
    main(*sys.argv[1:])
