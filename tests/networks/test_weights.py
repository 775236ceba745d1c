import pytest
import torch

from petsynth.errors import RunError
from petsynth.networks.layers import lay_channels_last
from petsynth.networks.weights import load_weights, read_metadata, save_weights
from petsynth.systems.pix2pix.patchgan import PatchGan2d


def test_weights_and_metadata_come_back(tmp_path):
    network, other = PatchGan2d(filters=2), PatchGan2d(filters=2)
    lay_channels_last(network)
    metadata = {"tracer": "FDG", "pet_scale": 2.5, "grid": {"shape": [1, 2, 3]}, "simulated": True}
    save_weights(tmp_path / "model.safetensors", network, metadata)
    load_weights(tmp_path / "model.safetensors", other)
    assert read_metadata(tmp_path / "model.safetensors") == metadata
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, other.state_dict()[name])


def test_missing_file(tmp_path):
    with pytest.raises(RunError, match="no such weights file"):
        read_metadata(tmp_path / "model.safetensors")


def test_damaged_file(tmp_path):
    path = tmp_path / "model.safetensors"
    save_weights(path, PatchGan2d(filters=2), {})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RunError, match="damaged weights file"):
        load_weights(path, PatchGan2d(filters=2))


def test_weights_of_another_size(tmp_path):
    save_weights(tmp_path / "model.safetensors", PatchGan2d(filters=2), {})
    with pytest.raises(RunError, match="another size"):
        load_weights(tmp_path / "model.safetensors", PatchGan2d(filters=4))
