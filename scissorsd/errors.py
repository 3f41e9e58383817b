"""What can go wrong, as a tree; and what the process then exits with.

ScissorsError                  every error that is meant for a person
├── UsageError                 the command line asks for something that cannot be
├── ConfigError                the configuration has problems, listed all at once
├── PictureError               this picture cannot be cut as it stands: failed
│   ├── UnsupportedPictureError    not a picture, or of a format that is not read
│   ├── OverLimitsError            larger than `limits` or the file system allow
│   ├── NameRefusedError           the file system takes no file of that name
│   ├── InTheWayError              a file stands where a folder should be
│   ├── CorruptPictureError        the decoder gave up
│   └── TruncatedPictureError      its end is missing: looked at again before it counts
├── PlaceTakenError            something is there that is not our own: another name is chosen
├── SourceChangedError         the picture was replaced or taken away during the work
├── HoldError                  something that should pass: busy, full, denied, unreachable
│   └── LeftToHostError            a host has it, and the daemon stops
├── WeightsError               a model file cannot be had
├── SessionError               no provider can open, or go on with, a session
├── JournalError               the job journal cannot be used
│   ├── JournalDamagedError        its file is not what was written to it
│   └── JournalVersionError        it is another version's, and left as it is
└── AlreadyRunningError        another process works on this state folder
"""

EXIT_OK = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_SOME_FAILED = 3
# EX_CONFIG of sysexits.h: a bad configuration, or a state of another version. The unit tells
# systemd not to restart on it.
EXIT_BAD_CONFIG = 78
EXIT_STOPPED = 128  # and the signal's number, as a shell says it: 130 by Ctrl-C, 143 by SIGTERM


class ScissorsError(Exception):
    """An error for a person: `what` happened, and `advice` on what to do (may be empty)."""

    exit_code = EXIT_FAILURE

    def __init__(self, what: str, advice: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.what}\n{self.advice}" if self.advice else self.what


class UsageError(ScissorsError):
    """The command line asks for something that cannot be."""

    exit_code = EXIT_USAGE


class ConfigError(ScissorsError):
    """The configuration has problems; each is one line, `file:line:column: where: what`."""

    exit_code = EXIT_BAD_CONFIG

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class PictureError(ScissorsError):
    """This picture cannot be cut as it stands; it is set aside as failed."""


class UnsupportedPictureError(PictureError):
    """Not a picture, or a picture of a format that is not read."""


class OverLimitsError(PictureError):
    """Larger than the configured limits allow."""


class NameRefusedError(PictureError):
    """The file system takes no file of that name: too long, or with characters that it forbids.

    `too_long` tells which of the two.
    """

    def __init__(self, what: str, advice: str = "", *, too_long: bool = False) -> None:
        super().__init__(what, advice)
        self.too_long = too_long


class InTheWayError(PictureError):
    """A file stands where a folder should be made."""


class CorruptPictureError(PictureError):
    """The decoder gave up in the middle."""


class TruncatedPictureError(PictureError):
    """The end of the file is missing, perhaps because it is still being written."""


class PlaceTakenError(ScissorsError):
    """Something is at a place that is not our own, and so is left there."""

    def __init__(self, place: str) -> None:
        super().__init__(f"{place} is there already")
        self.place = place


class SourceChangedError(ScissorsError):
    """The picture was replaced or taken away while it was being worked on."""


class HoldError(ScissorsError):
    """Something that should pass; a daemon tries the work again after a pause.

    `outbox_wide` tells that every job of the same outbox would meet it (a full disk). `kind` is
    what it has in common with the same trouble of other pictures.
    """

    def __init__(
        self, what: str, advice: str = "", *, outbox_wide: bool = False, kind: str = ""
    ) -> None:
        super().__init__(what, advice)
        self.outbox_wide = outbox_wide
        self.kind = kind or what


class LeftToHostError(HoldError):
    """The daemon stops while a host has the picture: the next start waits for the answer."""


class WeightsError(ScissorsError):
    """A model file cannot be had, or is not what it should be."""


class SessionError(ScissorsError):
    """No provider can open a session, or go on with one."""


class JournalError(ScissorsError):
    """The job journal cannot be opened or written."""


class JournalDamagedError(JournalError):
    """The job journal's file is not what was written to it."""


class JournalVersionError(JournalError):
    """The job journal was made by another version of scissorsd, and is left as it is."""

    exit_code = EXIT_BAD_CONFIG


class AlreadyRunningError(ScissorsError):
    """Another process works on this state folder."""
