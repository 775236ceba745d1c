import pytest
from petsynth.systems.pix2pix.networks import SYSTEMS, build_discriminator, build_generator

from petsynth.systems.pix2pix.patchgan import PatchGan2d
from petsynth.systems.pix2pix.unet import UNet2d


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_can_be_built(system):
    small = build_generator(system, filters=2, max_filters=4, levels=2, dropout_levels=1)
    assert isinstance(small, UNet2d)
    assert isinstance(build_discriminator(system, filters=2, layers=1), PatchGan2d)


def test_an_unknown_system_is_refused_by_name():
    with pytest.raises(ValueError, match="unknown system 'cyclegan'; known: pix2pix-axial"):
        build_generator("cyclegan")
    with pytest.raises(ValueError, match="unknown system 'cyclegan'"):
        build_discriminator("cyclegan")
