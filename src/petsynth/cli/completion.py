"""``petsynth completion``: what a shell needs to complete commands, options and choices."""

from __future__ import annotations

import importlib
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from petsynth.cli.fields import Declared, declared, declared_in_configuration
from petsynth.cli.help import FULL, Help
from petsynth.cli.options import parser

BASH = """# Completion of petsynth; made by: petsynth completion bash
_petsynth() {
  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"
  local command="${COMP_WORDS[1]}" choices="" options=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "COMMANDS --help --version" -- "$word"))
    return
  fi
  case "$command $before" in
CHOICES
  esac
  case "$command" in
OPTIONS
  esac
  if [ -n "$choices" ] && [[ "$word" != -* ]]; then
    COMPREPLY=($(compgen -W "$choices" -- "$word"))
    [[ "$before" == --model || "$before" == --from || "$before" == "$command" ]] || return
  elif [[ "$word" == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
    return
  fi
  COMPREPLY+=($(compgen -f -- "$word"))
}
complete -o filenames -F _petsynth petsynth
"""
ZSH = """(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
autoload -U +X bashcompinit && bashcompinit
"""
"""zsh reads bash's completion once its own is started, which a bare ~/.zshrc does not do."""


@dataclass(frozen=True)
class Args:
    """Options of ``petsynth completion``."""

    shell: Annotated[Literal["bash", "zsh"], tyro.conf.Positional]
    """For which shell."""


HELP = Help(
    "completion",
    """Print what a shell needs to complete commands, options, choices and names of models.""",
    {},
    (
        "source <(petsynth completion bash)    # in this shell; in ~/.bashrc: in each",
        "petsynth completion zsh >> ~/.zshrc",
    ),
)


parse = parser(Args, HELP)
"""Reads what was typed after the command."""


def run(args: Args) -> None:
    """Print the script."""
    print((ZSH if args.shell == "zsh" else "") + bash_script(), end="")


def bash_script() -> str:
    """Return the completion for bash."""
    from petsynth.cli.main import COMMANDS

    options, choices = [], []
    for command in COMMANDS:
        known = _known(command)
        words = [word for each in known for word in _words(each)]
        listed = " ".join(sorted({*words, "--help", FULL}))
        options.append(f"    {command}) options={shlex.quote(listed)} ;;")
        for each in known:
            values = _values(each)
            is_first = each is next((one for one in known if not one.options), None)
            for word in each.options or ((command,) if is_first else ()):
                if values:
                    pattern = f'"{command} {word}"'
                    choices.append(f"    {pattern}) choices={shlex.quote(' '.join(values))} ;;")
    return (
        BASH.replace("COMMANDS", " ".join(COMMANDS))
        .replace("CHOICES", "\n".join(choices))
        .replace("OPTIONS", "\n".join(options))
    )


def _known(command: str) -> list[Declared]:
    """Return all options of a command, with those of every shipped configuration."""
    from petsynth.cli.main import module_of

    known = declared(importlib.import_module(module_of(command)).Args)
    if any(each.metavar == "CONFIG" for each in known):
        from petsynth.config import load_config, shipped_configs

        found = {each.name: each for each in known}
        for name in shipped_configs():
            for table in declared_in_configuration(load_config(name)).values():
                found |= {each.name: each for each in table if each.name not in found}
        known = list(found.values())
    return known


def _words(each: Declared) -> Iterable[str]:
    yield from each.options
    if each.is_switch and each.default is True:
        yield f"--no-{each.options[0][2:]}"


def _values(each: Declared) -> list[str]:
    """Return what may follow an option, or what a command may begin with."""
    if each.metavar == "CONFIG":
        from petsynth.config import shipped_configs

        return list(shipped_configs())
    if each.metavar == "MODEL":
        folders = (Path(__file__).parents[1] / "pretrained").glob("*/")
        return sorted(folder.name for folder in folders)
    return list(each.choices)
