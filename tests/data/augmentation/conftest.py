"""What tests of several changes share."""

import numpy as np
import pytest

from petsynth.data.augmentation.pair import VolumePair


@pytest.fixture(scope="session")
def ball():
    """Return a bright ball (brain) in a dimmer one (head), 4 mm voxels, with a PET of the brain."""
    index = np.indices((40, 48, 40), dtype=np.float32)
    centre = np.array([20, 24, 20], np.float32).reshape(3, 1, 1, 1)
    distance = np.sqrt(((index - centre) ** 2).sum(axis=0))
    mask = distance < 13
    mri = np.where(mask, 0.8, np.where(distance < 17, 0.4, 0)).astype(np.float32)
    mri[mask & (index[0] > 24)] = 1.0
    pet = np.stack([mask * 1.5, mask * 1.2]).astype(np.float32)
    return VolumePair(mri, mask, pet, 4.0)
