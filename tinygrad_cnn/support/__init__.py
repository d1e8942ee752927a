"""What the package needs of its surroundings: types of numbers, devices, HTML, names that are alike."""
