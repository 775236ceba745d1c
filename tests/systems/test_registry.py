"""Every system is found by its name, and its configuration without torch."""

import subprocess
import sys

import pytest

from petsynth.config import parse_config
from petsynth.systems.base import System
from petsynth.systems.pix2pix.config import Pix2pixConfig
from petsynth.systems.pix2pix.system import Pix2pixSystem
from petsynth.systems.registry import (
    DEFAULT,
    Entry,
    build_system,
    config_class,
    registered,
    system_class,
    system_names,
)


def test_all_systems_of_both_papers_and_ours_have_a_name_of_their_own():
    assert set(system_names()) == {
        *("pix2pix-axial", "pix2pix-augmented", "unet25d", "pix2pix3d-tanh"),
        *("pix2pix3d-tanhshrink", "ganbert", "ganbert-cnnd"),
        *("medgan-axial", "medgan-augmented", "pet-bridge"),
    }
    assert len(set(system_names())) == len(system_names())
    assert DEFAULT in system_names()


@pytest.mark.parametrize("name", system_names())
def test_a_name_leads_to_configuration_and_system(name):
    content = {"generator": {"activation": "tanh"}} if name == "pix2pix3d-tanh" else {}
    config = parse_config({"system": name} | content)
    assert type(config) is config_class(name)
    system = build_system(config)
    assert isinstance(system, System)
    assert type(system) is system_class(name)
    assert system.config is config


def test_an_unknown_name_is_no_system():
    with pytest.raises(KeyError, match="cyclegan"):
        config_class("cyclegan")
    with pytest.raises(KeyError, match="cyclegan"):
        system_class("cyclegan")


@pytest.mark.parametrize("name", system_names())
def test_configurations_need_no_torch(name):
    code = (
        "import sys; from petsynth.systems.registry import config_class; "
        f"config_class('{name}')(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class Another(Pix2pixSystem):
    """A system that a test adds."""


def test_a_system_is_added_for_a_while():
    entry = Entry(("another",), "petsynth.systems.pix2pix.config:Pix2pixConfig", Another)
    with registered(entry):
        assert "another" in system_names()
        assert config_class("another") is Pix2pixConfig
    assert "another" not in system_names()


def test_it_is_gone_after_an_error_too():
    with pytest.raises(ZeroDivisionError), registered(Entry(("another",), Pix2pixConfig, Another)):
        raise ZeroDivisionError
    assert "another" not in system_names()


def test_a_name_is_not_given_twice():
    entry = Entry(("another", "ganbert"), Pix2pixConfig, Another)
    with pytest.raises(ValueError, match="a system ganbert already"), registered(entry):
        pass
    assert "another" not in system_names()
