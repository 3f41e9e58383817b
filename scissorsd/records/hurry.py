"""That all that is held be tried at once: `retry --held` asks for it by a file in the state folder.

Of what is held much is known to the daemon alone: an outbox that rests, a picture that never came
to be journalled. So nothing is written to the job journal. A daemon that starts tries everything
anyway; the file need not outlive it, and being asked twice is being asked once.
"""

from pathlib import Path

from scissorsd.errors import ScissorsError

_FILE = "try-held"


def ask(folder: Path) -> None:
    """Ask the daemon that works on a state folder to try at once what is held."""
    try:
        (folder / _FILE).touch()
    except OSError as error:
        raise ScissorsError(
            f"the daemon cannot be asked, as the state folder {folder} cannot be written to: "
            f"{error.strerror or error}",
            "Ask as the user that scissorsd runs as, or as root.",
        ) from error


def take(folder: Path) -> bool:
    """Whether that has been asked for since the last time."""
    try:
        (folder / _FILE).unlink()
    except OSError:
        return False
    return True
