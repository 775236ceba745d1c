"""From a TOML file to the validated configuration of the system that it names, and back.

The classes of the configurations stand with their systems, `petsynth.systems.NAME.config`. Read
`reading`. The command line, training and inference read configurations here; systems get theirs.
"""

from petsynth.config.reading import (
    RENAMED,
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

__all__ = [
    "RENAMED",
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
