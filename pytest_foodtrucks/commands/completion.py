"""`foodtrucks completion`: what makes a shell complete the command."""

import argparse
import sys
from typing import Final

from argcomplete.shell_integration import shellcode

from . import exit_codes
from .arguments import Command
from .output import Output, write


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="for which shell")


def _run(given: argparse.Namespace, output: Output) -> int:
    script = shellcode(["foodtrucks"], shell=given.shell)
    if output.as_json:
        output.result({"shell": given.shell, "script": script})
    else:
        write(sys.stdout, script)
    return exit_codes.DONE


COMMAND: Final = Command(
    description="Print what makes a shell complete subcommands, options and services.",
    examples=(
        'eval "$(foodtrucks completion bash)"    # in ~/.bashrc',
        'eval "$(foodtrucks completion zsh)"     # in ~/.zshrc, after compinit',
        "foodtrucks completion fish | source     # in ~/.config/fish/config.fish",
    ),
    add=_add,
    run=_run,
)
