"""From a trained model and a T1 to a synthetic PET.

Read `pretrained` and `run` (find, check and load a model, onto a device), `scan` (from a T1 file to
a synthetic PET; is it a T1 of a brain at all?), `outputs` (images, sidecars and panel), `dataset`
(their folder as a BIDS dataset, with a page of all panels) and `finished` (which T1s need not be
predicted again).

Examples
--------
>>> from petsynth.inference import load_model, predict_scan, write_prediction
>>> scan = predict_scan(load_model("petsynth-fdg"), "sub-01_T1w.nii.gz")  # doctest: +SKIP
>>> write_prediction(scan, "predictions")  # doctest: +SKIP
"""

from petsynth.inference.outputs import write_prediction
from petsynth.inference.pretrained import PretrainedModel, load_model, pretrained_models
from petsynth.inference.run import Run, find_runs, load_run
from petsynth.inference.scan import ScanPrediction, predict_scan
from petsynth.systems.base import Prediction, PredictionSettings, SubjectInfo

__all__ = [
    "Prediction",
    "PredictionSettings",
    "PretrainedModel",
    "Run",
    "ScanPrediction",
    "SubjectInfo",
    "find_runs",
    "load_model",
    "load_run",
    "predict_scan",
    "pretrained_models",
    "write_prediction",
]
