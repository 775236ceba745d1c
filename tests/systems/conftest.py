"""What tests of several systems share."""

import pytest
from lightning_fabric import Fabric


class OneOfTwo(Fabric):
    """One of two processes, which sees nothing of the other."""

    def __init__(self, rank: int):
        super().__init__(accelerator="cpu", devices=1)
        self.rank = rank

    @property
    def world_size(self) -> int:
        return 2

    @property
    def global_rank(self) -> int:
        return self.rank

    def all_reduce(self, data, group=None, reduce_op="mean"):
        return data


@pytest.fixture
def one_of_two() -> type[Fabric]:
    """Return a Fabric to be made with a rank: one of two processes, without the other."""
    return OneOfTwo
