"""What a watcher's folders are called on a host, on real folders and mounts."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from end_to_end.mounts import needs_mounts

from scissorsd.errors import HoldError
from scissorsd.folders import mounts
from scissorsd.hosts.messages.faults import NotHereError
from scissorsd.hosts.messages.folder_names import Name
from scissorsd.hosts.messages.orders import Root
from scissorsd.hosts.messages.plain_values import plain
from scissorsd.hosts.own_folders import OwnFolders, known_as


def test_a_folder_of_this_machine_is_at_its_own_path(tmp_path: Path) -> None:
    """On one machine the same path is the first to be looked at, wherever else it is mounted."""
    (tmp_path / "in").mkdir()
    root = known_as(tmp_path / "in")
    (first, *_) = OwnFolders("gpu-1").candidates(root)
    assert (first.path, first.why) == (str(tmp_path / "in"), "the same path")


def test_a_map_goes_before_all_else(tmp_path: Path) -> None:
    """What --map says is the only place that is looked at; the longest wins."""
    root = known_as(tmp_path)
    maps = ((str(tmp_path.parent), "/nowhere"), (f"{tmp_path}/", "/mnt/shop"))
    (place,) = OwnFolders("gpu-1", maps).candidates(root)
    assert (place.path, place.why) == ("/mnt/shop", "--map")


def test_what_was_looked_for_is_told(tmp_path: Path) -> None:
    """Where no folder fits, the message names the watcher's, its share, and what was looked at."""
    root = Root(str(tmp_path), (Name("path", ("nas", "10.0.0.1"), "/volume1/shop/in"),))
    with pytest.raises(NotHereError) as raised:
        OwnFolders("gpu-1").find(root, lambda _: False, "it is another")
    said = raised.value
    assert said.what == (
        f"gpu-1 does not have the folder {tmp_path} (nas:/volume1/shop/in): looked at {tmp_path} "
        "(the same path); it is another"
    )
    assert "--map" in said.advice


def test_what_cannot_be_seen_does_not_hide_what_can(tmp_path: Path) -> None:
    """One place that cannot be looked at is passed over if another fits, and told if none does."""
    folders, there = OwnFolders("gpu-1"), tmp_path / "there"
    root = Root(str(there), known_as(tmp_path / "here").names)

    def is_it(folder: Path) -> bool:
        if folder.name == "here":  # by whatever mount
            raise HoldError(f"cannot look at {folder}: {os.strerror(errno.EIO)}")
        return folder == there

    assert str(tmp_path / "here") in [place.path for place in folders.candidates(root)[:-1]]
    assert folders.find(root, is_it) == there
    there = tmp_path
    with pytest.raises(HoldError, match="Input/output error"):
        folders.find(root, is_it)


IN_A_NAMESPACE = """
import json, sys
from scissorsd.hosts.messages.orders import Root
from scissorsd.hosts.own_folders import OwnFolders
from scissorsd.hosts.messages.plain_values import built
root = built(Root, json.loads(sys.argv[1]))
folders = OwnFolders("gpu-1")
print(folders.find(root, lambda folder: (folder / "it is me").exists()))
"""


@needs_mounts
def test_found_through_real_mounts(tmp_path: Path) -> None:
    """Where the watcher's path is an empty folder, it is found at another mount of its disk."""
    theirs, ours = tmp_path / "the watcher's", tmp_path / "our's ü"
    (theirs / "shop" / "in").mkdir(parents=True)
    (theirs / "shop" / "in" / "it is me").touch()
    ours.mkdir()
    link = tmp_path / "link"
    link.symlink_to(theirs / "shop")
    script = (
        'mount --bind "$1/shop" "$2" && mount -t tmpfs tmpfs "$1" && '
        'mkdir -p "$1/shop/in" && exec "$3" -c "$4" "$5"'
    )
    wanted = json.dumps(plain(known_as(link / "in")))
    words = ["unshare", "--mount", "sh", "-ec", script, "sh"]
    words += [str(theirs), str(ours), sys.executable, IN_A_NAMESPACE, wanted]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == [str(ours / "in")], done.stderr


@needs_mounts
def test_the_kernel_sees_it_so() -> None:
    """Of each path the mount is seen that the kernel says it is on."""
    view = mounts.View(list(mounts.table()))
    for path in ("/", "/proc/self", "/sys", "/dev/pts", "/usr/lib", "/home"):
        real = os.path.realpath(path)
        assert view.at(real) == mounts.mount_of(Path(real))
