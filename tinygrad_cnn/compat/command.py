"""The command ``python -m tinygrad_cnn``: run a script for PyTorch, or list what it would miss."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter

EXAMPLES = """\
python -m tinygrad_cnn train.py --epochs 3     runs train.py
python -m tinygrad_cnn -m project.train        runs a module
python -m tinygrad_cnn --check train.py        lists what train.py would miss
"""


def main(arguments: list[str] | None = None) -> None:
    """Run the command with the given arguments, by default with those of the process."""
    parser = ArgumentParser(
        "python -m tinygrad_cnn",
        usage="%(prog)s [-h] [--check] [-m] SCRIPT [ARGUMENT ...]",
        description="Run a script that imports torch and torchvision with tinygrad_cnn in their place.",
        epilog=EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-m", dest="module", action="store_true", help="SCRIPT is the name of a module")
    parser.add_argument(
        "--check", action="store_true", help="do not run: list the names of PyTorch that are missing or differ"
    )
    given = sys.argv[1:] if arguments is None else arguments
    flags = next((i for i, argument in enumerate(given) if argument[:1] != "-"), len(given))
    options = parser.parse_args(given[:flags])
    if flags == len(given):
        parser.error("wanted a script, or -m and the name of a module")
    target, *rest = given[flags:]
    if options.check:
        from tinygrad_cnn.compat.check import check

        sys.exit(check(target, options.module))
    from tinygrad_cnn.compat.run_script import run

    run(target, rest, options.module)
