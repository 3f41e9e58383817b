"""What errors of a file system mean: pass by themselves (hold), or never (fail); and what to do."""

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
# What to do; that the work then goes on by itself is for a daemon to say, and for no other.
ADVICE = {
    errno.ENOSPC: "Make room on that disk.",
    errno.EDQUOT: "Make room within the quota.",
    errno.EROFS: "It is mounted read-only; mount it for writing."
    + (_UNNAMED if "INVOCATION_ID" in os.environ else ""),  # systemd.exec(5): as a service
    errno.EACCES: "Give the user that scissorsd runs as access.",
    errno.EPERM: "Give the user that scissorsd runs as access.",
}
_INTO_OUTBOX = {"make", "write", "publish", "move"}
FORBIDDEN = {errno.EINVAL, errno.EILSEQ}
_NO_FOLDER = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP}


@contextmanager
def held(doing: str) -> Iterator[None]:
    """Turn an OSError into a HoldError that says what was being done."""
    verb = doing.partition(" ")[0]  # "read", "write", "publish", "move", …
    try:
        failpoints.at(verb, doing)
        yield
        failpoints.at(f"{verb}.done", doing)
    except OSError as error:
        reason = error.strerror or str(error)
        _refuse_for_good(doing, verb, error)
        full = error.errno in (_NO_ROOM if verb == "move" else _FULL) and verb in _INTO_OUTBOX
        raise HoldError(
            f"cannot {doing}: {reason}",
            ADVICE.get(error.errno or 0, ""),
            outbox_wide=full,
            kind=f"{verb}: {reason}",
        ) from error


def _refuse_for_good(doing: str, verb: str, error: OSError) -> None:
    """Raise what a file system says once and for all: no pause would change its mind."""
    number = error.errno
    if number == errno.ENAMETOOLONG:
        raise NameRefusedError(
            f"cannot {doing}: the name or the path is longer than the file system takes",
            "Shorten the names of the picture and of its folders, or those of the outbox's.",
            too_long=True,
        ) from error
    if verb not in _INTO_OUTBOX:
        return
    if number in FORBIDDEN and verb != "write":  # which is under a name that every one takes
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
