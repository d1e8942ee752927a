"""``torch.hub``: nothing is downloaded; some scripts take the progress bar from it."""

from __future__ import annotations

from contextlib import suppress

from tinygrad_cnn.compat.refused import refused

with suppress(ImportError):
    from tqdm.auto import tqdm as tqdm

load = refused("torch.hub.load")
load_state_dict_from_url = refused("torch.hub.load_state_dict_from_url")
download_url_to_file = refused("torch.hub.download_url_to_file")
