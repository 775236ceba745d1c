"""What the 3D systems share behind the interface: their T1, their PET, what is said of them."""

import numpy as np
import pytest
import torch

from petsynth.config import parse_config
from petsynth.data.prepared import PreparedData
from petsynth.errors import ArgumentError, ConfigError, InputError
from petsynth.systems.base import PredictionSettings, TrainedGenerator
from petsynth.systems.registry import build_system

SYSTEMS = ["pix2pix3d-tanhshrink", "ganbert", "ganbert-cnnd"]


@pytest.fixture(params=SYSTEMS)
def system(request):
    content = {
        "data": {"voxel_mm": 13.0},
        "generator": {"filters": 4, "levels": 2},
        "cnn": {"filters": 4, "layers": 2},
        "training": {"batch_size": 2, "accumulate": 3},
    }
    return build_system(parse_config({"system": request.param} | content))


@pytest.fixture
def data(tiny_volumes) -> PreparedData:
    return PreparedData(tiny_volumes)


class Zero(torch.nn.Module):
    """Answers every T1 with a PET that is its mean everywhere, once normalised."""

    def forward(self, mri_BCXYZ):
        return torch.zeros(len(mri_BCXYZ), 2, 14, 12, 12)


def test_a_prediction_is_of_the_conformed_t1_in_pet_units(system, data):
    t1 = system.read_t1(data, "sub-004")
    np.testing.assert_array_equal(t1, data.t1("sub-004"))
    counted = []
    settings = PredictionSettings(on_sample=lambda: counted.append(1))
    prediction = system.predict(TrainedGenerator(Zero(), torch.device("cpu"), 9.0), t1, settings)

    assert prediction.mean.shape == np.asarray(data.pet("sub-004")).shape
    np.testing.assert_allclose(prediction.mean, np.asarray(t1).mean() / 10, rtol=1e-5)
    assert prediction.std is None
    assert counted == [1]


def test_several_samples_and_planes_mean_nothing_to_it(system):
    with pytest.raises(ArgumentError, match=rf"--samples 3: {system.config.system} is not stoch"):
        system.check_samples(3)
    assert system.std_kind(1) is None
    assert system.planes_used(("axial",)) == ()
    assert system.training_format() is None


def test_data_that_are_prepared_for_it_pass_and_others_do_not(system, data, tiny_prepared):
    system.check_data(data)
    with pytest.raises(InputError, match=rf"not prepared for {system.config.system}; run petsynth"):
        system.check_data(PreparedData(tiny_prepared))
    other = build_system(parse_config({"system": "ganbert"}))
    with pytest.raises(ConfigError, match=r"data.voxel_mm is 2"):
        other.check_data(data)


def test_cards_and_tables_name_method_frames_cube_and_batches(system, data):
    name = system.config.system
    lines = system.card_lines(data)
    assert lines.method == f'{name} after Shin et al., "GANBERT"; 2 frame(s)'
    assert "mean and standard deviation of the T1" in lines.intensities
    assert lines.grid == "; T1 39 x 39 x 39 voxels of 6.5 mm"
    assert lines.limits == ""
    assert system.batch_text == "3 x 2"
    assert system.describe_run(40) == (
        f"{name} on whole volumes, 2 frame(s), 40 steps of batch 3 x 2, seed 0"
    )


def test_without_a_cube_the_card_says_nothing_of_one(system, tiny_prepared):
    assert system.card_lines(PreparedData(tiny_prepared)).grid == ""
