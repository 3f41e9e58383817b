"""What a watching thread, or the page, puts on the daemon's queue about an inbox."""

from dataclasses import dataclass
from typing import Literal

from scissorsd.core.settling import Sighting

Mode = Literal["events", "polling"]


@dataclass(frozen=True, slots=True)
class Heard:
    """Something happened to a file."""

    inbox: str
    at: float  # monotonic
    path: str


@dataclass(frozen=True, slots=True)
class Sighted:
    """Sightings of some paths; at those in `missing` no regular file was."""

    inbox: str
    at: float  # monotonic; to a tenth of a second the moment of each of these sightings
    sightings: tuple[Sighting, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Vouched:
    """A file that the page has put into an inbox, whole: it need not settle."""

    inbox: str
    at: float  # monotonic
    sighting: Sighting


@dataclass(frozen=True, slots=True)
class Scanned:
    """A scan of the whole inbox has ended."""

    inbox: str
    pictures: int
    seconds: float
    unseen: int = 0  # files and folders that are there and could not be accessed
    unseen_why: str = ""  # the first of them, with its reason


@dataclass(frozen=True, slots=True)
class Watched:
    """How the inbox is watched from now on, and why so."""

    inbox: str
    mode: Mode
    why: str


@dataclass(frozen=True, slots=True)
class Away:
    """The inbox is not there now; it comes back by itself."""

    inbox: str
    why: str


@dataclass(frozen=True, slots=True)
class EventsLost:
    """The kernel or watchdog dropped events; a scan follows at once."""

    inbox: str
    why: str


Message = Heard | Sighted | Vouched | Scanned | Watched | Away | EventsLost
