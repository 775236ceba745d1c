"""A weights file comes back as it was written, or is refused in one line that says what to do."""

import json
import struct

import pytest
import safetensors.torch
import torch

from petsynth.errors import RunError
from petsynth.networks.layers import lay_channels_last
from petsynth.networks.patchgan2d import PatchGan2d
from petsynth.networks.weights import (
    FORMAT,
    check_metadata_unchanged,
    copy_weights,
    load_weights,
    metadata_checksum,
    read_metadata,
    save_weights,
    weights_checksum,
)


def test_weights_and_metadata_come_back(tmp_path):
    network, other = PatchGan2d(filters=2), PatchGan2d(filters=2)
    lay_channels_last(network)
    metadata = {"tracer": "FDG", "pet_scale": 2.5, "grid": {"shape": [1, 2, 3]}, "simulated": True}
    save_weights(tmp_path / "model.safetensors", network, metadata)
    load_weights(tmp_path / "model.safetensors", other)
    written = metadata | {
        "format": FORMAT,
        "weights_sha256": weights_checksum(network.state_dict()),
    }
    assert read_metadata(tmp_path / "model.safetensors") == written | {
        "metadata_sha256": metadata_checksum(written)
    }
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, other.state_dict()[name])


def test_metadata_that_were_changed_are_refused(tmp_path):
    """Copies with changes are as good as the first; files of earlier versions cannot tell."""
    path, copy = tmp_path / "model.safetensors", tmp_path / "copy.safetensors"
    save_weights(path, PatchGan2d(filters=2), {"pet_scale": 2.5, "frames": (1, 2)})
    copy_weights(path, copy, {"pet_scale": 5.0})
    for each in (path, copy):
        metadata = read_metadata(each)
        check_metadata_unchanged(each, metadata)
        with pytest.raises(RunError, match=rf"{each}: its metadata .* are not those"):
            check_metadata_unchanged(each, metadata | {"pet_scale": 2.6})
        del metadata["metadata_sha256"]
        check_metadata_unchanged(each, metadata | {"pet_scale": 2.6})


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


def written(tmp_path):
    """Return a network and the file of its weights."""
    torch.manual_seed(0)
    network = PatchGan2d(filters=2)
    save_weights(tmp_path / "model.safetensors", network, {"tracer": "FDG"})
    return network, tmp_path / "model.safetensors"


@pytest.mark.parametrize("place", [0.01, 0.5, 0.999])
def test_a_flipped_bit_is_noticed(tmp_path, place):
    _, path = written(tmp_path)
    content = bytearray(path.read_bytes())
    (header,) = struct.unpack("<Q", content[:8])
    first = 8 + header  # of the tensors' bytes
    content[first + int(place * (len(content) - first))] ^= 0b0001_0000
    path.write_bytes(content)

    assert read_metadata(path)["tracer"] == "FDG"
    with pytest.raises(
        RunError, match=r"damaged weights \(SHA-256 .*copy the file again"
    ) as refusal:
        load_weights(path, PatchGan2d(filters=2))
    assert "\n" not in str(refusal.value)


def test_damaged_weights_change_nothing(tmp_path):
    _, path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:-1] + b"\x5a")
    other = PatchGan2d(filters=2)
    before = {name: weight.clone() for name, weight in other.state_dict().items()}
    with pytest.raises(RunError):
        load_weights(path, other)
    for name, weight in other.state_dict().items():
        assert torch.equal(weight, before[name])


@pytest.mark.parametrize("metadata", [None, {}, {"petsynth": '{"tracer": "FDG"}'}])
def test_a_file_of_an_earlier_version_is_answered_with_what_to_do(tmp_path, metadata):
    network, path = written(tmp_path)
    path.write_bytes(safetensors.torch.save(network.state_dict(), metadata))
    for action in (read_metadata, lambda path: load_weights(path, network)):
        with pytest.raises(RunError, match=r"format 2; train the model again") as refusal:
            action(path)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("changes", [{"format": 1}, {"format": 3}, {"weights_sha256": None}])
def test_another_format_is_refused(tmp_path, changes):
    network, path = written(tmp_path)
    metadata = {key: value for key, value in (read_metadata(path) | changes).items() if value}
    text = {"petsynth": json.dumps(metadata)}
    path.write_bytes(safetensors.torch.save(network.state_dict(), text))
    with pytest.raises(RunError, match="was not written by this version of petsynth"):
        read_metadata(path)


@pytest.mark.parametrize("text", ["{", "[1, 2]"])
def test_damaged_metadata_are_refused(tmp_path, text):
    network, path = written(tmp_path)
    path.write_bytes(safetensors.torch.save(network.state_dict(), {"petsynth": text}))
    with pytest.raises(RunError, match=r"damaged metadata.*copy the file again"):
        read_metadata(path)


def test_the_checksum_is_of_names_types_shapes_and_values():
    tensors = {"a": torch.arange(6.0), "b": torch.ones(2, 3)}
    checksum = weights_checksum(tensors)
    assert checksum == weights_checksum(dict(reversed(tensors.items())))
    assert checksum == weights_checksum({**tensors, "b": torch.ones(3, 2).T})
    others = [
        {"a": tensors["a"], "c": tensors["b"]},
        {**tensors, "a": tensors["a"].double()},
        {**tensors, "b": torch.ones(3, 2)},
        {**tensors, "b": torch.ones(2, 3).index_fill(1, torch.tensor([2]), 1.0001)},
        {"a": tensors["a"]},
    ]
    assert checksum not in map(weights_checksum, others)


def test_the_layout_in_memory_does_not_matter(tmp_path):
    network, path = written(tmp_path)
    lay_channels_last(network)
    save_weights(tmp_path / "again.safetensors", network, {"tracer": "FDG"})
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
