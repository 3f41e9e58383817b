import errno
import os
import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from watchdog.observers.api import BaseObserver

from scissorsd.folders import native_watch, watching
from scissorsd.folders.messages import Away, Heard, Message, Scanned, Sighted, Watched
from scissorsd.folders.mounts import Root
from scissorsd.folders.watching import InboxWatcher
from scissorsd.settings import Inbox

DEADLINE = 30.0  # seconds; far more than anything here takes
NEVER = 3600.0  # seconds between two scans: what is told then comes from an event

Mode = Literal["auto", "events", "polling"]


class Watch:
    """A watcher on a real folder, and what it tells."""

    def __init__(
        self,
        inbox: Path,
        *,
        watch: Mode = "events",
        recursive: bool = True,
        rescan: float = NEVER,
        require_mount: bool = False,
    ) -> None:
        self.told: list[Message] = []
        self._queue: queue.SimpleQueue[Message] = queue.SimpleQueue()
        settings = Inbox(
            name="shop",
            path=inbox,
            outbox=inbox.with_name("outbox"),
            watch=watch,
            require_mount=require_mount,
            recursive=recursive,
            settle=2.0,
            rescan=rescan,
            ignore=("*.draft.*",),
            rules=(),
        )
        root = Root(inbox, require_mount=require_mount)
        self.watcher = InboxWatcher(settings, self._queue.put, root)
        self.watcher.start()

    def _until(self, wanted: Callable[[Message], bool]) -> Message:
        """Return the next message that is wanted; fail when none comes."""
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                message = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"it never came; what came is {self.told}")
            self.told.append(message)
            if wanted(message):
                return message

    def scanned(self) -> Scanned:
        """Wait for the end of a scan."""
        message = self._until(lambda m: isinstance(m, Scanned))
        assert isinstance(message, Scanned)
        return message

    def watched(self) -> Watched:
        """Wait to be told how the inbox is watched."""
        message = self._until(lambda m: isinstance(m, Watched))
        assert isinstance(message, Watched)
        return message

    def away(self) -> Away:
        """Wait to be told that the inbox is away."""
        message = self._until(lambda m: isinstance(m, Away))
        assert isinstance(message, Away)
        return message

    def heard(self, path: str) -> None:
        """Wait for an event about a picture."""
        self._until(lambda m: isinstance(m, Heard) and m.path == path)

    def saw(self, path: str) -> None:
        """Wait for a look that found a picture."""
        self._until(lambda m: isinstance(m, Sighted) and path in [s.path for s in m.sightings])

    def missed(self, path: str) -> None:
        """Wait for a look that found no picture at a path."""
        self._until(lambda m: isinstance(m, Sighted) and path in m.missing)

    def paths_heard(self) -> set[str]:
        """Return every path of which an event has told so far."""
        return {message.path for message in self.told if isinstance(message, Heard)}

    def native(self) -> BaseObserver:
        """Reach for the observer behind the native watch."""
        native = self.watcher._native
        assert native is not None
        return native._observer

    def end(self) -> None:
        """Stop the watcher and wait for its thread."""
        self.watcher.stop()
        self.watcher._thread.join(DEADLINE)
        assert not self.watcher.is_alive()


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Make an empty inbox."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def begin(inbox: Path) -> Iterator[Callable[..., Watch]]:
    """Start watches on the inbox, past their first scan; stop them in the end."""
    watches = []

    def start(*, wait: bool = True, **options: object) -> Watch:
        watch = Watch(inbox, **options)  # type: ignore[arg-type]
        watches.append(watch)
        if wait:
            watch.scanned()
        return watch

    yield start
    for watch in watches:
        watch.end()


Begin = Callable[..., Watch]


def put(path: Path, content: bytes = b"a picture") -> Path:
    """Put a file at a path, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# --- what events tell ------------------------------------------------------------------------


def test_watch_begins_before_the_first_scan(inbox: Path, begin: Begin) -> None:
    """What was there before is seen by the scan, and the watch already lives then."""
    put(inbox / "one" / "a.jpg")
    watch = begin()
    kinds = [type(message) for message in watch.told]
    assert kinds == [Watched, Sighted, Scanned]
    assert watch.told[0] == Watched("shop", "events", "as configured")
    assert isinstance(watch.told[2], Scanned)
    assert watch.told[2].pictures == 1


def test_file_written_in_place(inbox: Path, begin: Begin) -> None:
    """A file that is created and written in the inbox is heard of."""
    watch = begin()
    put(inbox / "a.jpg")
    watch.heard("a.jpg")


def test_file_renamed_in_from_outside(inbox: Path, tmp_path: Path, begin: Begin) -> None:
    """A file that is moved in whole is heard of, though it was never closed here."""
    ready = put(tmp_path / "a.jpg")
    watch = begin()
    ready.rename(inbox / "a.jpg")
    watch.heard("a.jpg")


def test_file_renamed_inside(inbox: Path, begin: Begin) -> None:
    """An upload that gets its final name is heard of by that name and by no other."""
    watch = begin()
    part = put(inbox / "a.jpg.part")
    part.rename(inbox / "a.jpg")
    watch.heard("a.jpg")
    assert watch.paths_heard() == {"a.jpg"}


def test_hard_link(inbox: Path, tmp_path: Path, begin: Begin) -> None:
    """A hard link that is put into the inbox is heard of."""
    ready = put(tmp_path / "a.jpg")
    watch = begin()
    (inbox / "a.jpg").hardlink_to(ready)
    watch.heard("a.jpg")


def test_folder_moved_in_and_then_a_late_file(inbox: Path, tmp_path: Path, begin: Begin) -> None:
    """The pictures of a moved-in folder are seen at once, and one put into its depth later."""
    put(tmp_path / "shoot" / "day one" / "a.jpg")
    watch = begin()
    (tmp_path / "shoot").rename(inbox / "shoot")
    watch.saw("shoot/day one/a.jpg")
    put(inbox / "shoot" / "day one" / "late.jpg")
    watch.heard("shoot/day one/late.jpg")


def test_folders_made_one_in_the_other(inbox: Path, begin: Begin) -> None:
    """A picture in folders that were made only just before it is not lost."""
    watch = begin()
    put(inbox / "one" / "two" / "three" / "a.jpg")
    watch._until(
        lambda m: (
            (isinstance(m, Heard) and m.path == "one/two/three/a.jpg")
            or (
                isinstance(m, Sighted) and any(s.path == "one/two/three/a.jpg" for s in m.sightings)
            )
        )
    )


def test_folder_renamed_inside(inbox: Path, begin: Begin) -> None:
    """When a folder gets another name, its pictures are seen under the new paths."""
    put(inbox / "old" / "a.jpg")
    watch = begin()
    (inbox / "old").rename(inbox / "new")
    watch.saw("new/a.jpg")
    put(inbox / "new" / "b.jpg")
    watch.heard("new/b.jpg")


def test_what_is_not_a_picture_is_not_told(inbox: Path, begin: Begin) -> None:
    """Temporary names, ignored ones and other kinds of files raise no messages at all."""
    watch = begin()
    for name in ("a.jpg.part", "a.draft.jpg", "notes.txt", "@eaDir/a.jpg", ".a.jpg.Xy12"):
        put(inbox / name)
    put(inbox / "real.jpg")
    watch.heard("real.jpg")
    assert watch.paths_heard() == {"real.jpg"}


def test_reading_does_not_trigger(inbox: Path, begin: Begin) -> None:
    """Reading pictures, by us or by anyone, raises no event: nothing feeds itself."""
    put(inbox / "a.jpg")
    watch = begin()
    for _ in range(20):
        (inbox / "a.jpg").read_bytes()
        os.listdir(inbox)  # noqa: PTH208 - exactly this call
    put(inbox / "b.jpg")
    watch.heard("b.jpg")
    assert watch.paths_heard() == {"b.jpg"}


def test_only_the_inbox_itself(inbox: Path, begin: Begin) -> None:
    """With recursive: false, pictures in sub-folders are neither heard of nor scanned."""
    put(inbox / "one" / "a.jpg")
    watch = begin(recursive=False)
    put(inbox / "one" / "b.jpg")
    put(inbox / "two" / "c.jpg")
    put(inbox / "d.jpg")
    watch.heard("d.jpg")
    assert watch.paths_heard() == {"d.jpg"}
    assert not [m for m in watch.told if isinstance(m, Sighted) and m.sightings]


def test_names_that_are_not_utf8_do_not_deafen(inbox: Path, begin: Begin) -> None:
    """A name of undecodable bytes is heard of by its real bytes, and hearing goes on after it."""
    watch = begin()
    name = os.fsdecode(b"caf\xe9 \xff.jpg")
    put(inbox / name)
    watch.heard(name)
    put(inbox / "after.jpg")
    watch.heard("after.jpg")


def test_file_that_comes_and_goes_does_not_deafen(inbox: Path, begin: Begin) -> None:
    """Folders and files that vanish at once leave the watch alive."""
    watch = begin()
    for number in range(50):
        folder = inbox / f"short{number}"
        put(folder / "a.jpg").unlink()
        folder.rmdir()
    put(inbox / "after.jpg")
    watch.heard("after.jpg")
    assert watch.watcher.is_alive()
    assert all(emitter.is_alive() for emitter in watch.native().emitters)


# --- looking on demand -----------------------------------------------------------------------


def test_sightings_on_request(inbox: Path, begin: Begin) -> None:
    """Asked for paths, it tells what is at each: a picture, a folder's pictures, or nothing."""
    watch = begin()
    put(inbox / "a.txt")  # any regular file: who asks has chosen
    put(inbox / "one" / "b.jpg")
    (inbox / "link.jpg").symlink_to(inbox / "a.txt")
    watch.watcher.request(["a.txt", "one", "link.jpg", "nothing.jpg"])
    watch.saw("a.txt")
    watch.saw("one/b.jpg")
    watch.missed("nothing.jpg")
    assert isinstance(watch.told[-1], Sighted)
    assert watch.told[-1].missing == ("link.jpg", "nothing.jpg")


def test_scan_on_demand(begin: Begin) -> None:
    """Asked for a scan, it does not wait for the next rescan."""
    watch = begin()
    watch.watcher.scan_soon()
    assert watch.scanned().pictures == 0


def test_a_stopped_watcher_ends(begin: Begin) -> None:
    """A stop ends the thread and its native watch, though the next scan is an hour away."""
    watch = begin()
    observer = watch.native()
    watch.end()
    observer.join(DEADLINE)
    assert not observer.is_alive()


# --- modes -----------------------------------------------------------------------------------


def test_polling(inbox: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """With watch: polling, new pictures are seen by scans alone, long before the rescan."""
    monkeypatch.setattr(watching, "_POLL", 0.1)
    watch = begin(watch="polling")
    assert watch.told[0] == Watched("shop", "polling", "as configured")
    put(inbox / "one" / "a.jpg")
    watch.saw("one/a.jpg")
    assert watch.paths_heard() == set()
    assert watch.watcher._native is None


@pytest.mark.parametrize(
    ("file_system", "mode"), [("ext4", "events"), ("cifs", "polling"), ("fuse.sshfs", "polling")]
)
def test_auto_goes_by_the_mount(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, file_system: str, mode: str
) -> None:
    """Under auto the type of the mount decides, and the reason names it."""
    monkeypatch.setattr(watching, "mount_type", lambda _: file_system)
    watch = begin(watch="auto")
    assert isinstance(watch.told[0], Watched)
    assert watch.told[0].mode == mode
    assert file_system in watch.told[0].why


@pytest.mark.parametrize("file_system", ["ext4", "vfat"])
def test_numbers_that_are_not_kept(
    inbox: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch, file_system: str
) -> None:
    """Where the file system does not keep a file's number, no sighting holds one."""
    monkeypatch.setattr(watching, "mount_type", lambda _: file_system)
    put(inbox / "a.jpg")
    watch = begin(watch="auto")
    (seen,) = (m.sightings for m in watch.told if isinstance(m, Sighted) and m.sightings)
    assert (seen[0].inode == 0) == (file_system == "vfat")


def test_events_that_cannot_be_had(
    inbox: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the kernel refuses watches it polls, says what to raise, and misses nothing."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(watching, "_POLL", 0.1)
    monkeypatch.setattr("watchdog.observers.inotify.InotifyEmitter.on_thread_start", refuse)
    watch = begin()
    assert isinstance(watch.told[0], Watched)
    assert watch.told[0].mode == "polling"
    assert "fs.inotify.max_user_watches" in watch.told[0].why
    put(inbox / "a.jpg")
    watch.saw("a.jpg")


# --- an inbox that goes and comes ------------------------------------------------------------


def test_inbox_removed_and_made_anew(inbox: Path, begin: Begin) -> None:
    """An inbox that is removed is away, and when it is made anew it is watched by events again."""
    watch = begin(rescan=0.2)
    inbox.rmdir()
    assert watch.away() == Away("shop", f"{inbox}: No such file or directory")
    inbox.mkdir()
    assert watch.watched().mode == "events"
    watch.scanned()
    put(inbox / "a.jpg")
    watch.heard("a.jpg")
    assert sum(isinstance(message, Away) for message in watch.told) == 1


def test_inbox_replaced_by_another(inbox: Path, tmp_path: Path, begin: Begin) -> None:
    """When another folder takes the inbox's place between two scans, that one is watched."""
    watch = begin(rescan=0.2)
    inbox.rename(tmp_path / "old")
    inbox.mkdir()
    while watch.watcher._native is None or not watch.watcher._native.works():
        watch.scanned()
    put(inbox / "a.jpg")
    watch.heard("a.jpg")


def test_inbox_that_is_not_there_at_first(inbox: Path, begin: Begin) -> None:
    """An inbox that is missing at the start is away, not empty: no scan is told of."""
    inbox.rmdir()
    watch = begin(wait=False, rescan=0.2)
    watch.away()
    assert not [message for message in watch.told if isinstance(message, Scanned)]
    put(inbox / "a.jpg")
    watch.saw("a.jpg")
    watch.scanned()


def test_inbox_that_must_be_a_mount(begin: Begin) -> None:
    """With require_mount, a plain folder is away and nothing in it is seen."""
    watch = begin(wait=False, require_mount=True, rescan=0.2)
    assert "mounted" in watch.away().why
    assert not [message for message in watch.told if not isinstance(message, Away)]


def test_dead_emitter_is_replaced(inbox: Path, begin: Begin) -> None:
    """When watchdog's emitter dies without a word, the next scan starts a new native watch."""
    watch = begin(rescan=0.2)
    old = watch.native()
    for emitter in old.emitters:
        emitter.stop()
        emitter.join(DEADLINE)
    assert old.is_alive(), "which is why asking the observer is not enough"
    while watch.watcher._native is None or watch.watcher._native._observer is old:
        watch.scanned()
    put(inbox / "a.jpg")
    watch.heard("a.jpg")


def test_inbox_that_goes_in_the_middle_of_a_step(
    inbox: Path, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An inbox that goes just after it was found to be there is away; its thread lives on."""
    watch = begin(rescan=0.2)
    honest = native_watch._identity

    def gone_once(path: Path) -> tuple[int, int]:
        monkeypatch.setattr(native_watch, "_identity", honest)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))

    monkeypatch.setattr(native_watch, "_identity", gone_once)
    watch.away()
    assert watch.watched().mode == "events"
    put(inbox / "a.jpg")
    watch.heard("a.jpg")
