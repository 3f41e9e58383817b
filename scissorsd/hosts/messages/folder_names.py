"""The names by which one machine knows a folder of another, and where that folder is here.

Pure. A folder on a share is known by its server and the path there (NFS, sshfs), or by its server,
the share and the path in it (SMB); a folder on a disk, by that disk and the path on it, to whoever
runs on the same kernel: containers, and other mounts of this machine. Since a machine may serve
what is on its disks, such a folder is also known as its own NFS server would call it.

What is found so is a proposal: whoever takes it looks at the folder itself.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from posixpath import normpath
from typing import Literal

from scissorsd.folders.mounts import Mount, View, below_source

Kind = Literal["path", "share", "own", "disk"]

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("nfs", "nfs4", "fuse.sshfs"), "path"),
    **dict.fromkeys(("cifs", "smb3", "smbfs"), "share"),
}
_PATH = re.compile(r"(?:[^@/]*@)?(\[[^\]]+\]|[^:/\[]+):(/.*)")  # nas:/volume1, anna@[fe80::1]:/
_SHARE = re.compile(r"//(?:[^@/]*@)?([^/]+)(/.+)")  # //nas/shop/may
_HERE = re.compile(r"localhost(\.localdomain)?|ip6-localhost")
_BOOT = "boot:"  # begins the name of a kernel


@dataclass(frozen=True, slots=True)
class Name:
    """One name of a folder."""

    # path: on its server; share: the same by SMB; own: on the machine itself, which may serve it;
    # disk: on a disk of one kernel
    kind: Kind
    at: tuple[str, ...]  # names and addresses of the server; the disk
    path: str  # absolute; of SMB the share is its first part

    def __str__(self) -> str:
        """Return it as people write it."""
        server = next((name for name in self.at if not name.startswith(_BOOT)), "localhost")
        return f"//{server}{self.path}" if self.kind == "share" else f"{server}:{self.path}"


@dataclass(frozen=True, slots=True)
class Machine:
    """Under what a machine is known to itself, and to others."""

    boot: str  # the id of the kernel as it runs; "" where there is none
    at: tuple[str, ...] = ()  # its name and its addresses

    @property
    def kernel(self) -> str:
        """What it is called by all that runs on its kernel."""
        return f"{_BOOT}{self.boot}" if self.boot else ""


@dataclass(frozen=True, slots=True)
class Place:
    """A path at which a folder may be, and why."""

    path: str
    why: str


def names_of(path: str, view: View, machine: Machine) -> tuple[Name, ...]:
    """Return the names of a folder by its real path, as written without links."""
    mount = view.at(path)
    if mount is None:
        return (Name("own", _servers(machine.at, machine), path),) if machine.at else ()
    below = path[len(mount.point.rstrip("/")) :]
    served = _served(mount, machine)
    if served is not None:
        return (Name(served.kind, served.at, _joined(served.path, below)),)
    own = Name("own", _servers((*machine.at, "localhost"), machine), path)
    disk = Name("disk", (f"{machine.kernel} {mount.system}",), _joined(mount.root, below))
    return (own, disk) if machine.boot else (own,)


def places(names: Sequence[Name], view: View, machine: Machine) -> list[Place]:
    """Return where a folder with these names may be here: the deepest mount and the latest first.

    None of them lies under another mount than the one by which it was found.
    """
    found: list[tuple[int, int, Place]] = []
    for number, mount in enumerate(view.visible):
        for ours in names_of(mount.point, view, machine):
            for rest in (rest for theirs in names for rest in _rests(theirs, ours)):
                path = _joined(mount.point, "/".join(rest))
                if view.at(path) is mount:
                    why = f"{mount.source or mount.fs_type} is mounted at {mount.point}"
                    found.append((len(rest), -number, Place(path, why)))
    found.sort(key=lambda one: one[:2])
    return list({place.path: place for *_, place in reversed(found)}.values())[::-1]


def _served(mount: Mount, machine: Machine) -> Name | None:
    """Return the name of the folder that is mounted, where another machine or process serves it."""
    source = mount.source.replace("\\", "/")
    kind = _KINDS.get(mount.fs_type)
    parts = (_SHARE if kind == "share" else _PATH).fullmatch(source)
    if kind is None or parts is None:
        return None
    servers = (parts[1], mount.address) if mount.address else (parts[1],)
    return Name(kind, _servers(servers, machine), _joined(parts[2], below_source(mount)))


def _servers(names: Sequence[str], machine: Machine) -> tuple[str, ...]:
    """Return names and addresses of a server so that equal ones are written alike.

    By localhost every machine means itself.
    """
    folded = [name.strip("[]").rstrip(".").casefold() for name in names]
    addresses = [_address(name) for name in folded]
    alike = (
        machine.kernel
        if _HERE.fullmatch(name) or (address and address.is_loopback)
        else str(address or name)
        for name, address in zip(folded, addresses, strict=True)
    )
    return tuple(dict.fromkeys(alike))


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


def _rests(theirs: Name, ours: Name) -> Iterator[list[str]]:
    """Yield each path below one of our folders at which theirs may be.

    Where one is known by a share and the other by a path, it is not known which folder the share
    is: one that is called as it is.
    """
    if not any(_is_one(one, other) for one in theirs.at for other in ours.at):
        return
    there, here = _parts(theirs), _parts(ours)
    match theirs.kind, ours.kind:
        case "own", "own":  # a path on each: the disk tells whether it is one
            return
        case ("path" | "own", "path" | "own") | ("share", "share") | ("disk", "disk"):
            yield from _below(there, here)
        case "path" | "own", "share":
            for after in _after(here[0], there):
                yield from _below(after, here[1:])
        case "share", "path" | "own" if there:
            for after in _after(there[0], here):
                yield from _below(there[1:], after)


def _below(path: list[str], folder: list[str]) -> Iterator[list[str]]:
    if path[: len(folder)] == folder:
        yield path[len(folder) :]


def _after(share: str, parts: list[str]) -> Iterator[list[str]]:
    """Yield what comes after each part of a path that is called as a share is."""
    for number, part in enumerate(parts, 1):
        if part.casefold() == share:
            yield parts[number:]


def _parts(name: Name) -> list[str]:
    parts = [part for part in name.path.split("/") if part]
    return [parts[0].casefold(), *parts[1:]] if name.kind == "share" and parts else parts


def _is_one(one: str, other: str) -> bool:
    """Whether two names of servers may be one: `nas` and `nas.local`, not `nas.local`, `nas.eu`."""
    if not one or not other or one == other:
        return bool(one) and one == other
    if _address(one) or _address(other):
        return False
    short, long = sorted((one, other), key=len)
    return "." not in short and long.startswith(f"{short}.")


def _joined(folder: str, below: str) -> str:
    return normpath("/" + f"{folder}/{below}".strip("/"))
