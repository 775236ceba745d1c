"""Every knob of a training run: read from TOML, validated, frozen.

Each kind of system has its own knobs: `SliceConfig` those of paper A, `Pix2pix3dConfig` and
`GanbertConfig` those of paper B. Functions elsewhere take plain arguments; only the command
line, training, inference and evaluation know these classes.
"""

from petsynth.config.reading import (
    SYSTEMS,
    Config,
    config_hash,
    config_to_toml,
    describe_unknown_key,
    kind_of,
    known_keys,
    load_config,
    parse_config,
    read_toml,
    shipped_configs,
    toml_hash,
)
from petsynth.systems.pix2pix.config import Plane, SliceConfig
from petsynth.systems.unet25d.config import StackConfig
from petsynth.systems.volumes_config import GanbertConfig, Pix2pix3dConfig, VolumeConfig

__all__ = [
    "SYSTEMS",
    "Config",
    "GanbertConfig",
    "Pix2pix3dConfig",
    "Plane",
    "SliceConfig",
    "StackConfig",
    "VolumeConfig",
    "config_hash",
    "config_to_toml",
    "describe_unknown_key",
    "kind_of",
    "known_keys",
    "load_config",
    "parse_config",
    "read_toml",
    "shipped_configs",
    "toml_hash",
]
