"""Run a script for PyTorch: ``python -m tinygrad_cnn script.py``."""

from tinygrad_cnn.compat.command import main

if __name__ == "__main__":
    main()
