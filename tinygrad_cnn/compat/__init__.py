"""What scripts for PyTorch need beside the framework: namespaces, old names, and the command that runs them.

``python -m tinygrad_cnn script.py`` runs a script that imports ``torch`` and ``torchvision`` with this package in
their place. Nothing outside this room imports it when the package is imported.
"""
