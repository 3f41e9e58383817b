"""Whether the libraries are there that `hosts:`, `scissorsd worker` and `scissorsd hub` need."""

import importlib.util
import sys
from typing import Final

from scissorsd.errors import ScissorsError

NEEDED: Final = ("celery", "kombu", "msgpack", "cryptography")


def see_that_it_is_installed() -> None:
    """Raise ScissorsError, with the line for pip, where a library is not there."""
    # `find_spec` fails for kombu once that is imported: it puts another module in its own place.
    lacking = [
        name
        for name in NEEDED
        if name not in sys.modules and importlib.util.find_spec(name) is None
    ]
    if lacking:
        raise ScissorsError(
            f"several hosts need {', '.join(lacking)}, which scissorsd itself does not",
            f"Install it: {sys.executable} -m pip install 'scissorsd[hosts]'",
        )
