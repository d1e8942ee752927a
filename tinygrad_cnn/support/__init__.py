"""Small helpers: dtypes, devices, arrays from users, HTML for notebooks, hints for misspelt names."""
