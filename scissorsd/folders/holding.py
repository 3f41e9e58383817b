"""Which errors of a file system pass by themselves (hold), which never do, and what to do."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from scissorsd import failpoints
from scissorsd.errors import HoldError, InTheWayError, NameRefusedError, OverLimitsError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_FULL = {*_NO_ROOM, errno.EROFS}
_UNNAMED = (
    " To a service everything is read-only that its unit does not name: after a change of folders, "
    "`scissorsd service install` and a restart."
)
# That the work then goes on by itself is for a daemon to say, and for no other command.
ADVICE = {
    errno.ENOSPC: "Make room on that disk.",
    errno.EDQUOT: "Make room within the quota.",
    errno.EROFS: "It is mounted read-only; mount it for writing."
    + (_UNNAMED if "INVOCATION_ID" in os.environ else ""),  # systemd.exec(5): as a service
    errno.EACCES: "Give the user that scissorsd runs as access.",
    errno.EPERM: "Give the user that scissorsd runs as access.",
}
_INTO_OUTBOX = {"make", "write", "publish", "move"}
FORBIDDEN_NAME = {errno.EINVAL, errno.EILSEQ}
_NO_FOLDER = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP}


@contextmanager
def hold_on_error(doing: str) -> Iterator[None]:
    """Turn an OSError into a HoldError that says what was being done.

    The first word of `doing` is a verb ("read", "write", "publish", "move", …) and a failpoint.
    Errors that never pass become PictureErrors: see `_raise_if_permanent`.
    """
    verb = doing.partition(" ")[0]
    try:
        failpoints.at(verb, doing)
        yield
        failpoints.at(f"{verb}.done", doing)
    except OSError as error:
        reason = error.strerror or str(error)
        _raise_if_permanent(doing, verb, error)
        full = error.errno in (_NO_ROOM if verb == "move" else _FULL) and verb in _INTO_OUTBOX
        raise HoldError(
            f"cannot {doing}: {reason}",
            ADVICE.get(error.errno or 0, ""),
            outbox_wide=full,
            kind=f"{verb}: {reason}",
        ) from error


def _raise_if_permanent(doing: str, verb: str, error: OSError) -> None:
    """Raise PictureError where no pause would change what the file system says."""
    number = error.errno
    if number == errno.ENAMETOOLONG:
        raise NameRefusedError(
            f"cannot {doing}: the name or the path is longer than the file system takes",
            "Shorten the names of the picture and of its folders, or those of the outbox's.",
            too_long=True,
        ) from error
    if verb not in _INTO_OUTBOX:
        return
    if number in FORBIDDEN_NAME and verb != "write":  # temporary names are allowed everywhere
        raise refused_name(doing, error) from error
    if number in _NO_FOLDER and verb == "make":
        raise InTheWayError(
            f"cannot {doing}: a file is where this folder, or one above it, should be",
            "Rename that file, or say another `folder:` or `outbox:`.",
        ) from error
    if number == errno.EFBIG:
        raise OverLimitsError(
            f"cannot {doing}: the file would be larger than its file system or a limit allows",
            "Make it smaller, or raise the limit (ulimit -f); FAT takes 4 GiB at most.",
        ) from error


def refused_name(doing: str, error: OSError) -> NameRefusedError:
    """Return the error for a name that a file system never takes."""
    return NameRefusedError(
        f"cannot {doing}: its file system takes no such name ({error.strerror})",
        "Rename the picture or its folder: letters, digits, - and _ are taken everywhere.",
    )
