"""Inboxes and outboxes on real network shares whose servers run on this machine.

SCISSORSD_SHARES names them, each as MOUNT:SECOND MOUNT:SERVED FOLDER:UNIT OF THE SERVER, with
spaces between: /mnt/smb:/mnt/smb2:/srv/smb:smbd /mnt/nfs:/mnt/nfs3:/srv/nfs:nfs-server

The second mount stands for another client. NFS of version 4 would take it for the same one, which
may keep what it has read for good, so it is mounted with vers=3.
SCISSORSD_SHARE_FILES is how many pictures the test of very many takes, 2000 if it is not set.
"""

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest
from end_to_end import driver
from end_to_end.driver import Daemon, Workplace, picture, wait_for
from end_to_end.mounts import health, stands

from scissorsd.folders.mounts import mount_type

from .units import put, run

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait longer than elsewhere: an outage is noticed only after minutes."""
    monkeypatch.setattr(driver, "DEADLINE", 300.0)


@dataclass(frozen=True)
class Share:
    """One folder on a share, as two clients and the server see it."""

    mount: Path
    here: Path
    second: Path
    server: Path
    unit: str

    @property
    def kind(self) -> str:
        """What the kernel calls it."""
        return mount_type(self.mount)

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Let the server be down."""
        run("systemctl", "stop", self.unit)
        try:
            yield
        finally:
            run("systemctl", "start", self.unit)


SHARES = [tuple(share.split(":")) for share in os.environ.get("SCISSORSD_SHARES", "").split()]

FILES = int(os.environ.get("SCISSORSD_SHARE_FILES", "2000"))

PARAMETERS: list[tuple[str, ...] | None] = [*SHARES] or [None]


@pytest.fixture(params=PARAMETERS, ids=lambda share: share and Path(share[0]).name)
def share(request: pytest.FixtureRequest) -> Iterator[Share]:
    """Yield an empty folder on a share."""
    if request.param is None:
        pytest.skip("SCISSORSD_SHARES names no share")
    mount, second, served, unit = request.param
    run("systemctl", "start", unit)
    name = "scissorsd-test"
    shutil.rmtree(Path(served) / name, ignore_errors=True)
    (Path(served) / name).mkdir()
    found = Share(Path(mount), Path(mount) / name, Path(second) / name, Path(served) / name, unit)
    wait_for(found.here.is_dir)
    wait_for(found.second.is_dir)
    yield found
    run("systemctl", "start", unit)
    shutil.rmtree(found.server, ignore_errors=True)


@pytest.fixture
def place(tmp_path: Path, models_folder: Path) -> Iterator[Workplace]:
    """Set up a workplace on the local disk."""
    workplace = Workplace(tmp_path, models_folder)
    yield workplace
    workplace.close()


def lay_out(
    place: Workplace,
    share: Share,
    rule: Mapping[str, str] = MappingProxyType({}),
    *,
    inbox: Path | None = None,
    outbox: Path | None = None,
) -> tuple[Path, Path]:
    """Configure two inboxes, `far` on the share and `near` on the local disk; give far's folders.

    The network is one that takes no time; no other is there, so the doctor is quick with it.
    """
    inbox, outbox = inbox or share.here / "inbox", outbox or share.here / "outbox"
    (share.server / "inbox").mkdir(exist_ok=True)
    wait_for(inbox.is_dir)
    rules = [{"name": "all", "model": "darkness", "when_no_subject": "publish", **rule}]
    common = {"settle": "1s", "rescan": "30s", "rules": rules}
    place.write_config(
        {"models": "models"},
        far={"path": str(inbox), "outbox": str(outbox), **common},
        near={"path": "inbox", "outbox": "outbox", **common},
    )
    return inbox, outbox


def check(daemons: Sequence[Daemon], outbox: Path, names: Sequence[str]) -> None:
    """See that each came out once, and that nothing else is in the outbox."""
    found = sorted(path.name for path in outbox.rglob("*") if path.is_file())
    assert found == sorted(Path(name).with_suffix(".png").name for name in names)
    told = [
        line["source"] for daemon in daemons for line in daemon.told("job.finished", inbox="far")
    ]
    assert sorted(told) == sorted(names)
    assert not [line for daemon in daemons for line in daemon.told("job.failed")]


def near_goes_on(place: Workplace, daemon: Daemon, number: int) -> None:
    """See that the inbox on the local disk is served."""
    name = f"near-{number}.jpg"
    place.put(name, number=number)
    daemon.wait("job.finished", source=name)


def in_a_backlog(place: Workplace, share: Share) -> tuple[Path, list[str], Daemon]:
    """Return the outbox, the names and the daemon of a backlog that has been begun."""
    _, outbox = lay_out(place, share)
    names = [f"{number:03}.jpg" for number in range(150)]
    put(share.server / "inbox", *names)
    daemon = place.start()
    daemon.wait("job.finished", times=10, inbox="far")
    return outbox, names, daemon


def cut_twenty(place: Workplace, share: Share, outbox: Path) -> list[str]:
    """Let a daemon cut twenty pictures that the server writes, each once; give their names."""
    names = [f"{number}.jpg" for number in range(20)]
    put(share.server / "inbox", *names)
    daemon = place.start()
    daemon.wait("job.finished", times=len(names))
    daemon.stop()
    check([daemon], outbox, names)
    return names


def test_polled(place: Workplace, share: Share) -> None:
    """A share is polled, and the log, the status and the doctor say so and why."""
    lay_out(place, share)
    daemon = place.start()
    watched = daemon.wait("inbox.watched", inbox="far")
    assert watched["mode"] == "polling"
    assert watched["why"] == f"{share.kind} raises no events for what others write"
    assert wait_for(lambda: stands(daemon, place, "far").mode) == "polling"
    said = place.run("doctor", "-c", place.config).stdout
    assert f"on {share.kind}, polling" in said
    daemon.stop()


def test_written_by_others(place: Workplace, share: Share) -> None:
    """What server and clients write at once, slowly, or by rename comes out once and whole."""
    inbox, outbox = lay_out(place, share)
    second, server = share.second / "inbox", share.server / "inbox"
    daemon = place.start()
    put(server, "server.jpg")
    put(second, "second.jpg", first=1)
    put(inbox, "mount.jpg", first=2)
    (server / "folder").mkdir()
    put(server / "folder", "below.jpg", first=3)
    (share.server / "made").mkdir()
    put(share.server / "made", "moved-in.jpg", first=4)
    (share.server / "made").rename(server / "made")
    for folder in (server, second):
        whole = picture("slow.jpg", number=5)
        with (folder / f"slow-{folder.parent.parent.name}.jpg").open("wb") as file:
            for start in range(0, len(whole), 1 + len(whole) // 8):
                file.write(whole[start : start + 1 + len(whole) // 8])
                file.flush()
                time.sleep(0.6)
    names = ["server.jpg", "second.jpg", "mount.jpg", "folder/below.jpg", "made/moved-in.jpg"]
    names += sorted(path.name for path in server.glob("slow-*.jpg"))
    assert len(names) == 7
    daemon.finished(*names)
    time.sleep(5)  # two more scans
    daemon.stop()
    check([daemon], outbox, names)


@pytest.mark.parametrize("source", ["move", "delete"])
def test_sources_that_go(place: Workplace, share: Share, source: str) -> None:
    """Sources on a share are moved or deleted after their cutouts are out."""
    done = share.server / "done"
    if source == "move":
        rule = {"source": "move", "move_to": str(share.here / "done")}
    else:
        rule = {"source": "delete"}
    inbox, outbox = lay_out(place, share, rule)
    names = cut_twenty(place, share, outbox)
    moved = sorted(path.name for path in done.iterdir()) if done.exists() else []
    assert moved == (sorted(names) if source == "move" else [])
    assert not list((share.server / "inbox").iterdir())
    assert not list(inbox.iterdir())


def test_to_another_share(place: Workplace, share: Share) -> None:
    """From a share to another one, or to a local disk, cutouts and moved sources go whole."""
    others = [Path(other[0]) for other in SHARES if Path(other[0]) != share.mount]
    other = (others[0] if others else place.folder) / "scissorsd-other"
    shutil.rmtree(other, ignore_errors=True)
    other.mkdir()
    outbox, done = other / "outbox", other / "done"
    lay_out(place, share, {"source": "move", "move_to": str(done)}, outbox=outbox)
    names = cut_twenty(place, share, outbox)
    assert sorted(path.name for path in done.iterdir()) == sorted(names)
    for number, name in enumerate(names):
        assert (done / name).read_bytes() == picture(name, number=number)
    assert not list((share.server / "inbox").iterdir())
    shutil.rmtree(other)


def test_an_outage_at_rest(place: Workplace, share: Share) -> None:
    """With the server down health is bad and the rest goes on; back, it goes on, and once."""
    _, outbox = lay_out(place, share)
    put(share.server / "inbox", "a.jpg", "b.jpg")
    daemon = place.start()
    daemon.finished("a.jpg", "b.jpg")
    with share.outage():
        near_goes_on(place, daemon, 1)
        wait_for(lambda: health(place)[0] == 1)
        assert "inbox far" in health(place)[1]
        near_goes_on(place, daemon, 2)
        put(share.server / "inbox", "c.jpg", first=2)
    daemon.finished("c.jpg")
    wait_for(lambda: health(place) == (0, ""))
    daemon.stop()
    check([daemon], outbox, ["a.jpg", "b.jpg", "c.jpg"])


def test_an_outage_at_work(place: Workplace, share: Share) -> None:
    """A server that goes in the middle of a backlog and comes back costs no picture."""
    outbox, names, daemon = in_a_backlog(place, share)
    with share.outage():
        wait_for(lambda: health(place)[0] == 1)
        near_goes_on(place, daemon, 1)
        assert len(daemon.told("job.finished", inbox="far")) < len(names)
    daemon.wait("job.finished", times=len(names), inbox="far")
    daemon.stop()
    check([daemon], outbox, names)


def test_stopped_during_an_outage(place: Workplace, share: Share) -> None:
    """Told to stop while the server is down it ends; started anew it does what was left, once."""
    outbox, names, daemon = in_a_backlog(place, share)
    with share.outage():
        wait_for(lambda: health(place)[0] == 1)
        began = time.monotonic()
        daemon.send(signal.SIGTERM)
        daemon.wait("daemon.stopped")
        assert daemon.exit_code() == 0
        took = time.monotonic() - began
    assert took < 100, "systemd would have killed it"
    again = place.start()
    put(share.server / "inbox", "last.jpg", first=9)
    again.finished("last.jpg")
    wait_for(lambda: len(list(outbox.glob("*.png"))) == len(names) + 1)
    wait_for(lambda: all(entry.state == "done" for entry in place.entries()))
    again.stop()
    found = sorted(path.stem for path in outbox.rglob("*") if path.is_file())
    assert found == sorted([Path(name).stem for name in names] + ["last"])
    told = [line["source"] for one in (daemon, again) for line in one.told("job.finished")]
    assert len(told) == len(set(told))


def test_denied_by_the_server(place: Workplace, share: Share) -> None:
    """An outbox that the server refuses to write to is waited for, and said so once."""
    _, outbox = lay_out(place, share)
    (share.server / "outbox").mkdir()
    run("chattr", "+i", share.server / "outbox")
    try:
        put(share.server / "inbox", "a.jpg", "b.jpg")
        daemon = place.start()
        held = daemon.wait("job.held", inbox="far")
        assert str(outbox) in held["why"]
        near_goes_on(place, daemon, 1)
    finally:
        run("chattr", "-i", share.server / "outbox")
    daemon.finished("a.jpg", "b.jpg")
    daemon.stop()
    check([daemon], outbox, ["a.jpg", "b.jpg"])


def test_a_full_share(place: Workplace, share: Share) -> None:
    """A share without room is waited for; with room again everything comes out, once and whole."""
    small = share.server / "small"
    small.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small)
    if share.kind != "cifs":  # NFS of version 4 serves what is mounted below if it is exported too
        options = "rw,insecure,no_root_squash,no_subtree_check,fsid=1000"
        run("exportfs", "-o", options, f"*:{small}")
    try:
        outbox = share.here / "small" / "outbox"
        lay_out(place, share, outbox=outbox)
        ballast = small / "ballast"
        ballast.write_bytes(bytes(1 << 20))
        names = [f"{number}.jpg" for number in range(10)]
        put(share.server / "inbox", *names)
        daemon = place.start()
        held = daemon.wait("job.held", inbox="far")
        assert "No space left on device" in held["why"]
        near_goes_on(place, daemon, 1)
        ballast.unlink()
        daemon.finished(*names)
        daemon.stop()
        check([daemon], outbox, names)
    finally:
        if share.kind != "cifs":
            run("umount", "--lazy", share.here / "small", check=False)
            run("exportfs", "-u", f"*:{small}")
        run("umount", "--lazy", small)


@contextmanager
def forgetting() -> Iterator[None]:
    """Let the kernel forget every file that is not in use, again and again."""
    ending = threading.Event()

    def forget() -> None:
        while not ending.wait(0.1):
            Path("/proc/sys/vm/drop_caches").write_text("3")

    thread = threading.Thread(target=forget)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


@pytest.mark.parametrize("kind", ["vfat", "cifs,noserverino"])
def test_numbers_that_are_not_kept(place: Workplace, share: Share, kind: str) -> None:
    """Where a file's number changes as the kernel forgets it, pictures settle and come out once."""
    if share.kind != "cifs":
        pytest.skip("there is nothing of NFS in it")
    if kind == "vfat" and not shutil.which("mkfs.vfat"):
        pytest.skip("mkfs.vfat (dosfstools) is not to be had here")
    point = place.folder / "mount"
    point.mkdir()
    if kind == "vfat":
        disk = place.folder / "disk"
        with disk.open("wb") as file:
            file.truncate(64 << 20)
        run("mkfs.vfat", disk)
        run("mount", "-o", "loop", disk, point)
    else:
        source = run("findmnt", "-no", "SOURCE", share.mount).strip()
        options = "guest,vers=3.1.1,uid=0,gid=0,noserverino,nosharesock"
        run("mount", "-t", "cifs", "-o", options, source, point)
    inbox = point / "scissorsd-test" / "inbox"
    inbox.mkdir(parents=True)
    try:
        lay_out(place, share, {"source": "delete"}, inbox=inbox, outbox=place.folder / "out")
        names = [f"{number}.jpg" for number in range(20)]
        with forgetting():
            daemon = place.start()
            put(inbox, *names)
            daemon.wait("job.finished", times=len(names))
            daemon.stop()
        check([daemon], place.folder / "out", names)
        assert not list(inbox.iterdir())
    finally:
        run("umount", "--lazy", point)


def finish(daemon: Daemon, count: int) -> None:
    """Wait for very many pictures, without looking at every line of the log for each new one."""
    deadline = time.monotonic() + 60 + count
    while len(daemon.told("job.finished")) < count:
        assert time.monotonic() < deadline, daemon.transcript()[-5000:]
        assert daemon.process.poll() is None, daemon.transcript()[-5000:]
        time.sleep(1)


@pytest.mark.timeout(2 * FILES + 600)
def test_two_thousand_files(place: Workplace, share: Share) -> None:
    """Of two thousand pictures on a share each comes out once, across a restart in between."""
    _, outbox = lay_out(place, share)
    names = [f"{number:04}.jpg" for number in range(FILES)]
    for number, name in enumerate(names):
        (share.server / "inbox" / name).write_bytes(picture(name, number=number))
    daemon = place.start()
    finish(daemon, FILES // 3)
    daemon.stop()
    again = place.start()
    finish(again, FILES - len(daemon.told("job.finished")))
    again.wait("inbox.scanned", times=len(again.told("inbox.scanned")) + 2)
    again.stop()
    check([daemon, again], outbox, names)
