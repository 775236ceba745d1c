"""PET to T1, against the simulation's truth."""

import numpy as np
import pytest

from petsynth.errors import RegistrationError
from petsynth.preprocessing.pet.registration import register_pet, static
from petsynth.preprocessing.registration.transforms import rigid_matrix
from petsynth.preprocessing.t1.alignment import flat_brain
from petsynth.volume import Volume


def test_the_simulated_offset_is_recovered(people, target_error_mm):
    for person in people:
        found = register_pet(flat_brain(person.t1, person.mask), person.pet)
        before = target_error_mm(np.eye(4), person)
        assert before > 1.5
        assert target_error_mm(found.fixed_to_moving, person) < 1


def test_a_larger_offset_and_another_axis_order_are_recovered(people, target_error_mm):
    person = people[0]
    move = rigid_matrix((10, -8, 7), person.pet.grid.centre_mm, np.array([15.0, -10.0, 12.0]))
    data = np.transpose(person.pet.data[::-1], (2, 0, 1))
    flip = np.eye(4)
    flip[0, 0], flip[0, 3] = -1, person.pet.data.shape[0] - 1
    order = np.eye(4)[:, [2, 0, 1, 3]]
    moved = Volume(data, move @ person.pet.affine @ flip @ order)
    found = register_pet(flat_brain(person.t1, person.mask), moved).fixed_to_moving
    assert target_error_mm(np.linalg.inv(move) @ found, person) < 1


def test_frames_are_averaged():
    frames = np.stack([np.full((2, 2, 2), value, np.float32) for value in (1, 2, 6)], axis=3)
    mean = static(Volume(frames, np.eye(4), "SUVR"))
    assert mean.data.shape == (2, 2, 2)
    assert mean.data.dtype == np.float32
    assert (mean.data == 3).all()
    assert mean.unit == "SUVR"


def test_an_even_pet_is_refused(people):
    even = people[0].pet.with_data(np.ones_like(people[0].pet.data))
    with pytest.raises(RegistrationError, match="constant"):
        register_pet(flat_brain(people[0].t1, people[0].mask), even)
