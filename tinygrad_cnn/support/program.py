"""Programs of the command line: ``--help``, and one line in place of a traceback for what a user can mend."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shutil import get_terminal_size

INTERRUPTED = 130  # the exit status of shells for a program that Ctrl-C ended

PACKAGES = {
    "jax": "tinygrad_cnn[bench]",
    "numba": "tinygrad_cnn[fast]",
    "onnx": "tinygrad_cnn[onnx]",
    "onnxruntime": "onnxruntime",
    "playwright": "tinygrad_cnn[browser]",
    "tensorboardX": "tinygrad_cnn[tensorboard]",
    "mpi4py": "tinygrad_cnn[mpi]",
    "optuna": "optuna",
    "sklearn": "tinygrad_cnn[sklearn]",
    "torch": "tinygrad_cnn[bench]",
}
"""What ``pip install`` is given to bring a package that is not one of the package's own requirements."""


def program(main: Callable[[], object], description: str | None) -> None:
    """Run ``main``, which takes no arguments, as a program that understands ``--help`` and no other option."""
    parser_for(description).parse_args()
    with errors_in_one_line():
        main()


def parser_for(description: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help shows the paragraphs of a docstring, in lines that fit the terminal."""
    width = min(get_terminal_size().columns - 2, 100)
    paragraphs = [textwrap.fill(" ".join(p.split()), width) for p in (description or "").split("\n\n")]
    return argparse.ArgumentParser(
        description="\n\n".join(paragraphs),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


@contextmanager
def errors_in_one_line(*kinds: type[Exception]) -> Iterator[None]:
    """End the program with one line for Ctrl-C, a missing package, an error of the disk or network, or ``kinds``.

    Ends without a word where whoever read the output has gone away, as ``head`` does.
    """
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the interpreter's end
        sys.exit(1)
    except ModuleNotFoundError as error:
        sys.exit(f"error: {missing_package(error)}")
    except OSError as error:
        sys.exit(f"error: {described(error)}")
    except kinds as error:
        sys.exit(f"error: {error}")


def missing_package(error: ModuleNotFoundError) -> str:
    """Return which package is missing, and what brings it."""
    name = (error.name or "").partition(".")[0]
    if not name:  # raised by the package itself, with its own advice
        return str(error)
    return f'the package {name} is missing: pip install "{PACKAGES.get(name, name)}"'


def described(error: OSError) -> str:
    """Return an error of the system as text that begins with the file concerned, if there is one."""
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)
