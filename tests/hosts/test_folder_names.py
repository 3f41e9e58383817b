"""Which of what is mounted here is a watcher's folder: by the table of mounts alone."""

import random
from collections.abc import Sequence
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scissorsd.folders.mounts import Mount, View
from scissorsd.hosts.messages.folder_names import Machine, Name, names_of, places

ROOT = Mount(1, "8:1", "/", "/", "ext4", "/dev/sda1")
WATCHER = Machine("1111", ("nas", "192.168.1.5"))
HOST = Machine("2222", ("gpu-1", "192.168.1.9"))


def mounted(source: str, point: str, root: str = "/", address: str = "") -> Mount:
    """Return a mount as the kernel tells of it, on the root."""
    fs_type = "cifs" if source.startswith(("//", "\\\\")) else "nfs4"
    if source.startswith("/dev/"):
        fs_type = "ext4"
    number = crc32(f"{source} {point}".encode()) + 2
    return Mount(number, "0:50", root, point, fs_type, source, 1, address)


def view(*mounts: Mount) -> View:
    """Return a view of mounts above a disk."""
    return View([ROOT, *mounts])


def found(path: str, theirs: Sequence[Mount], ours: Sequence[Mount]) -> list[str]:
    """Return where a host finds a folder of the watcher's by what each has mounted."""
    names = names_of(path, view(*theirs), WATCHER)
    return [place.path for place in places(names, view(*ours), HOST)]


SHOP = "nas:/volume1/shop"


@pytest.mark.parametrize(
    ("path", "theirs", "ours", "where"),
    [
        # one share, two points; a part of it, or more than it
        ("/srv/in", [mounted(SHOP, "/srv")], [mounted(SHOP, "/mnt/a")], ["/mnt/a/in"]),
        ("/srv/in", [mounted(SHOP, "/srv")], [mounted("nas:/volume1/", "/a")], ["/a/shop/in"]),
        ("/srv/in/x", [mounted(SHOP, "/srv")], [mounted(f"{SHOP}/in", "/a")], ["/a/x"]),
        ("/srv/in", [mounted(SHOP, "/srv")], [mounted("nas:/", "/a")], ["/a/volume1/shop/in"]),
        ("/srv/in", [mounted(SHOP, "/srv")], [mounted("nas:/volume1/shop2", "/a")], []),
        # how the server is called
        ("/srv/in", [mounted(SHOP, "/srv")], [mounted("NAS.local:/volume1/shop", "/a")], ["/a/in"]),
        ("/s/in", [mounted("nas.lan:/s", "/s")], [mounted("nas.local:/s", "/a")], []),
        ("/s/in", [mounted("nas.lan:/s", "/s")], [mounted("nas2.lan:/s", "/a")], []),
        ("/s/in", [mounted("10.0.0.1:/s", "/s")], [mounted("10:/s", "/a")], []),
        (
            "/s/in",
            [mounted("nas.lan:/s", "/s", address="10.0.0.1")],
            [mounted("10.0.0.1:/s", "/a", address="10.0.0.1")],
            ["/a/in"],
        ),
        ("/s/in", [mounted("[FE80::1]:/s", "/s")], [mounted("[fe80:0::1]:/s", "/a")], ["/a/in"]),
        # SMB: the share's name has no case, what is below it has
        ("/srv/in", [mounted("//nas/shop", "/srv")], [mounted("//NAS/Shop", "/a")], ["/a/in"]),
        ("/srv/in", [mounted(r"\\nas\shop", "/srv")], [mounted("//nas/shop/in", "/a")], ["/a"]),
        ("/srv/in", [mounted("//nas/shop", "/srv")], [mounted("//nas/shop/In", "/a")], []),
        (
            "/srv/in",
            [mounted("//nas/shop", "/srv", "/x")],
            [mounted("//nas/shop/x", "/a", "/x")],
            ["/a/in"],
        ),
        # one by NFS, one by SMB: where the share is called as a folder on the way
        ("/srv/in", [mounted(SHOP, "/srv")], [mounted("//nas.local/Shop", "/a")], ["/a/in"]),
        ("/srv/in", [mounted("//nas/shop", "/srv")], [mounted(SHOP, "/a")], ["/a/in"]),
        ("/srv/in", [mounted("//nas/shop", "/srv")], [mounted(f"{SHOP}/in", "/a")], ["/a"]),
        ("/srv/in", [mounted("//nas/photos", "/srv")], [mounted(SHOP, "/a")], []),
        ("/srv/in", [mounted("//nas/in", "/srv")], [mounted(SHOP, "/a")], []),
        # the watcher has the disks, and serves them
        ("/srv/shop/in", [], [mounted("nas.local:/srv/shop", "/a")], ["/a/in"]),
        ("/srv/shop/in", [], [mounted("192.168.1.5:/srv/shop", "/a")], ["/a/in"]),
        ("/srv/shop/in", [], [mounted("nas.eu:/srv", "/a", address="192.168.1.5")], ["/a/shop/in"]),
        ("/srv/shop/in", [], [mounted("//nas/shop", "/a")], ["/a/in"]),
        ("/srv/shop/in", [], [mounted("nas2:/srv/shop", "/a")], []),
        # the host has them
        ("/a/in", [mounted("gpu-1:/srv/shop", "/a")], [], ["/srv/shop/in"]),
        # localhost is another machine for each
        ("/srv/in", [mounted("localhost:/s", "/srv")], [mounted("localhost:/s", "/a")], []),
        ("/srv/in", [mounted("127.0.0.1:/s", "/srv")], [mounted("127.0.0.1:/s", "/a")], []),
        # several fit: the deepest; and of two alike the latest
        (
            "/srv/in/x",
            [mounted(SHOP, "/srv")],
            [
                mounted(*one)
                for one in ((f"{SHOP}/in", "/a"), ("nas:/", "/b"), (SHOP, "/c"), (SHOP, "/d"))
            ],
            ["/a/x", "/d/in/x", "/c/in/x", "/b/volume1/shop/in/x"],
        ),
        # nothing is on a disk of another kernel, be it called the same
        ("/srv/in", [mounted("/dev/sdb1", "/srv")], [mounted("/dev/sdb1", "/a")], []),
    ],
)
def test_where_a_folder_is(
    path: str, theirs: list[Mount], ours: list[Mount], where: list[str]
) -> None:
    """A folder is found by server and path, by share, or where the watcher serves it itself."""
    assert found(path, theirs, ours) == where


def test_on_one_kernel() -> None:
    """What is on one disk, and what localhost serves, is found by other processes of a machine."""
    other = Machine("1111", ("3f2a51",))  # a container
    for source, root in (("/dev/sdb1", "/vol/shop"), ("127.0.0.1:/s", "/"), ("tmpfs", "/vol/shop")):
        theirs = view(mounted(source, "/srv", "/vol" if root != "/" else "/"))
        names = names_of("/srv/shop/in", theirs, WATCHER)
        ours = view(mounted(source, "/data", root))
        below = "in" if root != "/" else "shop/in"
        assert places(names, ours, other)[0].path == f"/data/{below}"


def test_a_mount_over_what_was_found_hides_it() -> None:
    """A folder is not proposed where another mount lies over it, or over its mount."""
    theirs = [mounted(SHOP, "/srv")]
    below = Mount(900, "0:60", "/", "/mnt/a/in", "tmpfs", "tmpfs", mounted(SHOP, "/mnt/a").id)
    assert found("/srv/in", theirs, [mounted(SHOP, "/mnt/a"), below]) == []
    over = mounted("nas:/other", "/mnt")
    assert found("/srv/in", theirs, [mounted(SHOP, "/mnt/a"), over]) == []


def test_how_a_name_is_told() -> None:
    """A folder is told of as people write it."""
    (name,) = names_of("/s/in", view(mounted(SHOP, "/s", address="10.0.0.1")), HOST)
    assert str(name) == "nas:/volume1/shop/in"
    (name,) = names_of("/s/in", view(mounted("//Nas.local/Shop", "/s")), HOST)
    assert str(name) == "//nas.local/Shop/in"
    (name,) = names_of("/s/in", view(mounted("127.0.0.1:/x", "/s")), HOST)
    assert str(name) == "localhost:/x/in"


@pytest.mark.parametrize("kind", ["path", "share", "own", "disk"])
def test_a_name_without_a_folder(kind: str) -> None:
    """A name of no folder, as a stranger might send it, finds nothing and breaks nothing."""
    name = Name(kind, ("nas", ""), "/")  # type: ignore[arg-type]
    ours = view(mounted("//nas/shop", "/a"), mounted(SHOP, "/b"))
    assert places([name], ours, HOST) == []


# --- against what a kernel does --------------------------------------------------------------

PART = st.sampled_from("ab")
PATHS = st.lists(PART, max_size=3).map(lambda parts: "/" + "/".join(parts))
SOURCES = st.tuples(st.sampled_from(["nas", "other"]), PATHS)
STEPS = st.lists(st.tuples(SOURCES, PATHS), max_size=7)


def carried_out(steps: Sequence[tuple[tuple[str, str], str]]) -> list[Mount]:
    """Return the table after mounting these, one after the other; each hides what lies below."""
    table = [ROOT]
    for number, ((server, path), point) in enumerate(steps, 2):
        parent = latest_above(table, point)
        source = f"{server}:{path}"
        table.append(Mount(number, "0:1", "/", point, "nfs", source, parent.id))
    return table


def latest_above(table: Sequence[Mount], path: str) -> Mount:
    """Return the mount that a path is on: the latest at it or above it."""
    above = [one for one in table if f"{path}/".startswith(one.point.rstrip("/") + "/")]
    return above[-1]


@given(STEPS, PATHS, st.randoms(use_true_random=False))
def test_mounts_hide_others(
    steps: list[tuple[tuple[str, str], str]], path: str, chance: random.Random
) -> None:
    """In whatever order the table has them, the mount that is seen is the latest above a path."""
    table = carried_out(steps)
    shuffled = chance.sample(table, len(table))
    assert View(shuffled).at(path) == latest_above(table, path)
    visible = [one for one in table if latest_above(table, one.point) == one]
    assert sorted(one.id for one in View(shuffled).visible) == sorted(one.id for one in visible)


@given(STEPS, STEPS, PATHS)
def test_what_is_found_is_the_folder_and_all_that_is(
    theirs: list[tuple[tuple[str, str], str]], ours: list[tuple[tuple[str, str], str]], path: str
) -> None:
    """Each place is the folder on its server, and none is left out at which it can be reached."""
    mount = latest_above(carried_out(theirs), path)
    names = names_of(path, View(carried_out(theirs)), WATCHER)
    table = carried_out(ours)
    found = {place.path for place in places(names, View(table), HOST)}
    if mount is ROOT:  # only the watcher's own name, which none of these servers has
        wanted = on_server(table, "nas", path)
    else:
        server, _, folder = mount.source.partition(":")
        wanted = on_server(table, server, joined(folder, path[len(mount.point.rstrip("/")) :]))
    assert found == wanted


def on_server(table: Sequence[Mount], server: str, folder: str) -> set[str]:
    """Return each path at which a folder of a server is seen."""
    seen = set()
    for mount in table[1:]:
        host, _, source = mount.source.partition(":")
        if host == server and f"{folder}/".startswith(source.rstrip("/") + "/"):
            path = joined(mount.point, folder[len(source.rstrip("/")) :])
            if latest_above(table, path) == mount:
                seen.add(path)
    return seen


def joined(folder: str, below: str) -> str:
    """Return a path below a folder."""
    return f"{folder.rstrip('/')}/{below.strip('/')}".rstrip("/") or "/"
