"""Look at runs that have ended: ``python -m tinygrad_cnn.experiment compare RUN RUN ...``.

``compare`` writes one page with a table and the curves of several runs. RUN is the folder of a run.
"""

from __future__ import annotations

from pathlib import Path

from tinygrad_cnn.experiment.compare import compare
from tinygrad_cnn.support.program import errors_in_one_line, parser_for


def main(argv: list[str] | None = None) -> None:
    """Do what the command line asks for."""
    parser = parser_for(__doc__)
    parser.prog = "python -m tinygrad_cnn.experiment"
    parser.add_argument("command", choices=["compare"], help="what to do")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="the folder of a run")
    parser.add_argument("--output", type=Path, default=Path("compare.html"), metavar="FILE", help="the page")
    options = parser.parse_args(argv)
    with errors_in_one_line(ValueError):
        print(compare(options.runs, options.output))
        print(f"{options.output} shows the curves")


if __name__ == "__main__":
    main()
