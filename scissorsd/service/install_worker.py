"""`worker --service`: the unit of a host, installed and removed.

The join file goes to /etc/scissorsd, for the service's own account alone.
"""

import os
import pwd
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from scissorsd import atomic
from scissorsd.errors import ScissorsError
from scissorsd.service import unit
from scissorsd.service.install import (
    is_ours,
    make_account,
    next_step,
    refuse_anothers_file,
    refuse_without_rights,
    reload_manager,
    remove,
    write,
)
from scissorsd.service.systemctl import run_and_tell
from scissorsd.service.target import WORKER, Target, program
from scissorsd.service.worker_unit import WorkerUnit, text
from scissorsd.settings import DEFAULT_CONFIG

_PRIVATE = 0o600
_TMP = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - what PrivateTmp= hides


def unit_text(join_file: Path, words: Sequence[str]) -> str:
    """Return the unit for this installation; `words` are the options of `scissorsd worker`."""
    command = ("worker", str(_place(join_file)), *words)
    paths = [Path(word) for word in (*program(), *words) if word.startswith("/")]
    paths += [Path(word.partition("=")[2]) for word in words if word.startswith("/")]
    in_tmp = any(path.is_relative_to(folder) for path in paths for folder in _TMP)
    return text(WorkerUnit(program(), command, open_tmp=in_tmp))


def install(root: Path, join_file: Path, words: Sequence[str]) -> Iterator[str]:
    """Write the unit and what it needs; yield a sentence for each step, and what to do next."""
    target = Target(root=root, name=WORKER)
    refuse_without_rights(target, "install")
    refuse_anothers_file(target.unit)
    wanted = unit_text(join_file, words)
    secret = join_file.read_bytes()
    for file, content in zip(target.beside, (unit.sysusers(), unit.tmpfiles()), strict=True):
        if not file.exists():  # those of the daemon's service name more folders
            yield write(file, content)
    yield from make_account(target)
    yield from _put_join_file(target, _place(join_file), secret)
    yield write(target.unit, wanted)
    yield from reload_manager(target)
    yield from next_step(target)


def uninstall(root: Path, join_file: Path) -> Iterator[str]:
    """Stop the service and remove what `install` wrote; yield a sentence for each step."""
    target = Target(root=root, name=WORKER)
    refuse_without_rights(target, "uninstall")
    refuse_anothers_file(target.unit)
    if not target.unit.exists():
        yield f"Nothing to take away: {target.unit} is not there."
        return
    if target.live:
        yield from run_and_tell(*target.systemctl("disable", "--now", target.name).split())
    gone = [target.unit]
    if not Target(root=root).unit.exists():  # else they are the daemon's, too
        gone += [file for file in target.beside if file.exists() and is_ours(file)]
    for file in gone:
        yield remove(file)
    yield from reload_manager(target)
    yield ""
    join = target.at(_place(join_file))
    if join.exists():
        yield f"Left: {join}, by which this machine may join the hub; remove it if it should not."
    yield "Left: the weights, the account, every picture."


def _place(join_file: Path) -> Path:
    return DEFAULT_CONFIG.parent / join_file.name


def _put_join_file(target: Target, place: Path, secret: bytes) -> Iterator[str]:
    file = target.at(place)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_bytes() != secret:
            atomic.write_atomically(file, secret, mode=_PRIVATE)
            yield f"wrote {file}"
        file.chmod(_PRIVATE)
        if target.live:
            account = pwd.getpwnam(unit.ACCOUNT)
            os.chown(file, account.pw_uid, account.pw_gid)
            yield f"{file} is for {unit.ACCOUNT} alone"
    except KeyError:
        words = shlex.join(["chown", f"{unit.ACCOUNT}:", str(file)])
        yield f"WARNING: there is no account {unit.ACCOUNT}; make it, and then: {words}"
    except OSError as error:
        raise ScissorsError(f"{file} cannot be written: {error.strerror or error}") from error
