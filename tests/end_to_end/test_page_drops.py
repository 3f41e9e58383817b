"""A drop is a file that is put whole into an inbox, or a sentence that says why not."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from .driver import Workplace, picture, wait_for
from .mounts import Mounts, needs_mounts
from .pages import answer, begun, code, drop_path, page_of, temporaries, with_page
from .scenes import Gate

LONG = {"settle": "1d"}  # a test does not live to see it


def test_a_drop_is_cut_at_once(place: Workplace) -> None:
    """It need not settle: the page vouches for it. The answer is its key and its rule."""
    place.configure(**LONG)
    daemon, page = with_page(place)
    status, said = page.put("shop/products/mug.jpg", picture("mug.jpg"))
    path = place.inbox / "products" / "mug.jpg"
    assert (status, said) == (
        201,
        {
            "inbox": "shop",
            "path": "products/mug.jpg",
            "rule": "all",
            "size": path.stat().st_size,
            "mtime_ns": str(path.stat().st_mtime_ns),
        },
    )
    assert path.read_bytes() == picture("mug.jpg")
    daemon.finished("products/mug.jpg")
    assert place.files() == ["products/mug.png"]
    daemon.stop()
    assert len(daemon.told("job.finished")) == 1


def test_curl_puts_a_picture_onto_the_quick_desk(place: Workplace) -> None:
    """`curl -T mug.jpg …/quick/MODEL-EDGES/` is all it takes; each gesture has its own folder."""
    daemon, page = with_page(place)
    file = place.folder / "mug.jpg"
    file.write_bytes(picture("mug.jpg"))
    to = f"{page.address}api/v1/drops/quick/darkness-soft/"
    subprocess.run(["curl", "-sS", "--fail", "-T", str(file), to], check=True)  # noqa: S607
    one = page.put("quick/darkness-soft/deep/mug.jpg", picture("mug.jpg"), "?batch=my-2")[1]
    two = page.put("quick/darkness-soft/mug.jpg", picture("mug.jpg"), "?batch=my-2")[1]
    again = page.put("quick/Darkness-Soft/mug.jpg", picture("mug.jpg"), "?batch=my-2")[1]
    daemon.wait("job.finished", inbox="quick", times=4)
    assert [one["path"], two["path"], again["path"]] == [
        "darkness-soft/my-2/deep/mug.jpg",
        "darkness-soft/my-2/mug.jpg",
        "darkness-soft/my-2/mug-2.jpg",
    ]
    assert one["rule"] == "darkness-soft"
    assert len(list((place.state / "page" / "out" / "darkness-soft").rglob("mug*.png"))) == 4
    assert code(page.put("quick/nothing-fine/mug.jpg", picture())) == (409, "no_rule")
    assert code(page.put("quick/mug.jpg", picture(), "?batch=../x")) == (400, "bad_batch")
    daemon.stop()


def test_what_cannot_be_taken_is_refused_before_a_byte_is_read(place: Workplace) -> None:
    """Ignored, under no rule, skipped, no picture's name, nowhere, too large: a word for each."""
    drafts = {"name": "drafts", "match": "drafts/**", "skip": True}
    place.configure(drafts, {"name": "pictures", "match": "pictures/**"}, ignore=["*.old.jpg"])
    daemon, page = with_page(place, drop_into=["shop"], limits={"file": "1MiB"})
    for path, length, refusal in (
        ("shop/pictures/a.old.jpg", 100, (400, "ignored")),
        ("shop/pictures/@eaDir/a.jpg", 100, (400, "ignored")),
        ("shop/pictures/a.txt", 100, (400, "ignored")),
        ("shop/drafts/a.jpg", 100, (409, "no_rule")),
        ("shop/a.jpg", 100, (409, "no_rule")),
        ("shop/pictures/", 100, (400, "no_name")),
        ("shop/pictures/a.jpg", 1 << 21, (413, "too_large")),
        ("nowhere/a.jpg", 100, (404, "no_such_inbox")),
        ("quick/darkness-soft/a.jpg", 100, (409, "no_drops")),
    ):
        said = answer(page.begin(path, length))
        assert code(said) == refusal, said
        assert said[1]["error"]["what"]
    assert place.files(place.inbox) == []
    assert page.put("shop/pictures/a.jpg", picture())[0] == 201
    daemon.finished("pictures/a.jpg")
    daemon.stop()


@pytest.mark.full
@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"Dear all, this is text.", (400, "no_picture")),
        (b"", (400, "empty")),
        (b"%PDF-1.7" + bytes(9000), (400, "no_picture")),
        (b"\xff", (400, "no_picture")),
    ],
    ids=["text", "empty", "a PDF", "one byte"],
)
def test_what_is_no_picture_is_refused(
    place: Workplace, content: bytes, refusal: tuple[int, str]
) -> None:
    """The bytes say what it is, whatever its name says; nothing of it stays."""
    daemon, page = with_page(place)
    assert code(page.put("shop/a.jpg", content)) == refusal
    assert place.files(place.inbox) == []
    assert page.put("shop/a.jpg", picture("a.png"))[0] == 201
    daemon.stop()


@pytest.mark.full
def test_a_body_is_counted_as_it_comes(place: Workplace) -> None:
    """One that does not say how long it is goes no further than the limit."""
    daemon, page = with_page(place, limits={"file": "1MiB"})
    pieces = [picture(), *[bytes(1 << 16)] * 32]
    connection = page.connect()
    connection.request("PUT", drop_path("shop/a.jpg"), iter(pieces), encode_chunked=True)
    assert code(answer(connection)) == (413, "too_large")
    assert place.files(place.inbox) == []
    daemon.stop()


def test_nobody_ever_sees_a_part_of_a_drop(place: Workplace) -> None:
    """Under its name it is whole from the first moment; until then its name begins with a dot."""
    place.configure(settle="100ms")
    daemon, page = with_page(place)
    content = picture() + bytes(3 << 20)
    seen: set[tuple[str, int]] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            for entry in os.scandir(place.inbox):
                if not entry.name.startswith("."):
                    seen.add((entry.name, entry.stat().st_size))

    looking = threading.Thread(target=look)
    looking.start()
    connection = page.begin("shop/a.jpg", len(content))
    for at in range(0, len(content), 1 << 18):
        connection.send(content[at : at + (1 << 18)])
        begun(place.inbox)
    assert answer(connection)[0] == 201
    daemon.finished("a.jpg")
    done.set()
    looking.join()
    assert seen == {("a.jpg", len(content))}
    daemon.stop()


@pytest.mark.full
def test_a_drop_that_is_broken_off_leaves_nothing(place: Workplace) -> None:
    """No name, no temporary, no note; sent again it is taken."""
    daemon, page = with_page(place)
    connection = page.begin("shop/deep/a.jpg", 1 << 20)
    connection.send(picture())
    begun(place.inbox)
    connection.close()
    daemon.wait("page.broken_off", path="deep/a.jpg")
    wait_for(lambda: not temporaries(place.inbox))
    wait_for(lambda: not list((place.state / "page" / "drops").iterdir()))
    assert page.put("shop/deep/a.jpg", picture())[0] == 201
    daemon.finished("deep/a.jpg")
    daemon.stop()
    assert place.files(place.inbox) == ["deep/a.jpg"]


@pytest.mark.full
@pytest.mark.parametrize("whose", ["page", "daemon", "restart"])
def test_a_death_in_the_midst_leaves_nothing(place: Workplace, whose: str) -> None:
    """Whoever dies or stops while a body comes, the next page sweeps; sent again, it is cut."""
    seconds = {"SCISSORSD_SECONDS": "PAGE_FIRST_PAUSE=0.05"}
    daemon, page = with_page(place, variables=seconds)
    connection = page.begin("shop/a.jpg", 1 << 20)
    connection.send(picture())
    begun(place.inbox)
    if whose == "page":
        page.kill()
        again = page_of(daemon, times=2)
    else:
        if whose == "daemon":
            daemon.kill()
        else:
            daemon.stop()
        wait_for(page.is_gone)
        daemon = place.start()
        again = page_of(daemon)
    connection.close()
    assert temporaries(place.inbox) == []
    assert again.put("shop/a.jpg", picture())[0] == 201
    daemon.finished("a.jpg")
    daemon.stop()
    assert place.files(place.inbox) == ["a.jpg"]


@pytest.mark.full
@pytest.mark.parametrize(
    "where", ["drop.linked", pytest.param("drop.vouch", marks=pytest.mark.full)]
)
def test_a_file_that_nobody_vouches_for_is_found(place: Workplace, where: str) -> None:
    """A page that dies when the file has its name: the daemon finds it, and cuts it once."""
    daemon, page = with_page(
        place,
        variables={
            "SCISSORSD_FAULTS": f"{where}=kill",
            "SCISSORSD_SECONDS": "PAGE_FIRST_PAUSE=0.05",
        },
    )
    with pytest.raises((ConnectionError, OSError)):
        page.put("shop/a.jpg", picture())
    daemon.finished("a.jpg")
    page_of(daemon, times=2)
    daemon.stop()
    assert place.files() == ["a.png"]
    assert place.files(place.inbox) == ["a.jpg"]


@pytest.mark.full
@pytest.mark.parametrize("where", ["drop.write", "drop.sync", "drop.link"])
def test_a_full_disk_is_said_and_leaves_nothing(place: Workplace, where: str) -> None:
    """507, in words; with room again the same drop is taken."""
    fault = {"SCISSORSD_FAULTS": f"{where}=ENOSPC"}
    daemon, page = with_page(place, variables=fault)
    said = page.put("shop/a.jpg", picture())
    assert code(said) == (507, "disk_full")
    assert "no room" in said[1]["error"]["what"]
    assert place.files(place.inbox) == []
    assert page.put("shop/a.jpg", picture())[0] == 201
    daemon.finished("a.jpg")
    daemon.stop()


@pytest.mark.full
@needs_mounts
def test_a_disk_that_is_nearly_full_takes_no_drops(place: Workplace, mounts: Mounts) -> None:
    """A gigabyte stays free, so that the page never fills a disk."""
    mounts.tmpfs(place.inbox, size="8m")
    daemon, page = with_page(place)
    assert code(answer(page.begin("shop/a.jpg", 100))) == (507, "disk_full")
    daemon.stop()


@pytest.mark.full
@needs_mounts
def test_nothing_is_put_beneath_a_mount_that_is_gone(place: Workplace, mounts: Mounts) -> None:
    """503 with the reason, also for a page that never saw the mount; back, drops are taken."""
    share = place.folder / "share"
    share.mkdir()
    mounts.bind(share, place.inbox)
    seconds = {"SCISSORSD_SECONDS": "PAGE_FIRST_PAUSE=0.05"}
    daemon, page = with_page(place, variables=seconds)
    mounts.unmount(place.inbox)
    daemon.wait("inbox.away", inbox="shop")
    wait_for(lambda: "mounted there is gone" in place.ask("status"))
    page.kill()
    page = page_of(daemon, times=2)
    said = answer(page.begin("shop/a.jpg", 100))
    assert code(said) == (503, "away")
    assert "gone" in said[1]["error"]["what"]
    assert place.files(place.inbox) == []
    mounts.bind(share, place.inbox)
    daemon.wait("inbox.back")
    wait_for(lambda: page.put("shop/a.jpg", picture())[0] == 201)
    daemon.finished("a.jpg")
    daemon.stop()


@pytest.mark.full
@needs_mounts
def test_a_mount_that_goes_while_a_body_comes_takes_nothing(
    place: Workplace, mounts: Mounts
) -> None:
    """Another folder is there when the file is to get its name: it gets none, and leaves none."""
    daemon, page = with_page(place)
    connection = page.begin("shop/a.jpg", len(picture()))
    begun(place.inbox)
    share = place.folder / "share"
    share.mkdir()
    mounts.bind(share, place.inbox)
    connection.send(picture())
    assert code(answer(connection)) == (503, "away")
    mounts.unmount(place.inbox)
    assert place.files(place.inbox) == place.files(share) == []
    daemon.stop()


def test_two_drops_of_one_name_get_two_names(place: Workplace) -> None:
    """At once or one after the other: none replaces another, and both are cut."""
    daemon, page = with_page(place)
    both = [page.begin("shop/mug.jpg", len(picture(number=n))) for n in (1, 2)]
    begun(place.inbox, 2)
    for number, connection in enumerate(both, 1):
        connection.send(picture(number=number))
    said = [answer(connection) for connection in both]
    assert sorted(one["path"] for _, one in said) == ["mug-2.jpg", "mug.jpg"]
    for number, (_, one) in enumerate(said, 1):
        assert (place.inbox / one["path"]).read_bytes() == picture(number=number)
    assert page.put("shop/mug.jpg", picture(number=3))[1]["path"] == "mug-3.jpg"
    daemon.finished("mug.jpg", "mug-2.jpg", "mug-3.jpg")
    daemon.stop()


@pytest.mark.full
@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ("../../x.jpg", "x.jpg"),
        ("..%2f..%2fx.jpg", "x.jpg"),
        ("CON.png", "CON_.png"),
        ("<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>.png"),
        ("\u202egnp.exe.png", "gnp.exe.png"),
    ],
)
def test_a_hostile_name_lies_in_the_inbox(place: Workplace, sent: str, path: str) -> None:
    """Whatever a name says, the file lies in the inbox, under a name that harms nobody."""
    daemon, page = with_page(place)
    status, said = page.put(f"shop/{sent}", picture("a.png"))
    assert (status, said["path"]) == (201, path)
    assert place.files(place.inbox) == [path]
    daemon.stop()


@pytest.mark.full
@pytest.mark.parametrize("make", [Path.symlink_to, lambda path, _: path.write_text("x")])
def test_no_link_is_followed(place: Workplace, make: Callable[[Path, Path], object]) -> None:
    """A folder that is a link, or a file, is in the way; nothing is put behind it."""
    other = place.folder / "other"
    other.mkdir()
    make(place.inbox / "deep", other)
    daemon, page = with_page(place)
    assert code(page.put("shop/deep/a.jpg", picture())) == (409, "in_the_way")
    assert list(other.iterdir()) == []
    daemon.stop()


@pytest.mark.full
def test_while_too_many_wait_no_more_are_taken(place: Workplace) -> None:
    """429, before a byte is read; the page does not let a backlog grow without end."""
    place.configure(**LONG)
    for name in ("a.jpg", "b.jpg"):
        place.put(name)
    daemon, page = with_page(place, limits={"waiting": 2})
    wait_for(lambda: json.loads(place.ask("status", "--json"))["inboxes"][0]["settling"] == 2)
    assert code(answer(page.begin("shop/c.jpg", 100))) == (429, "too_many")
    daemon.stop()


@pytest.mark.full
def test_six_drops_come_at_once_and_others_wait(place: Workplace) -> None:
    """The seventh begins when one of them has ended."""
    daemon, page = with_page(place)
    names = [f"{number}.jpg" for number in range(7)]
    waiting = [page.begin(f"shop/{name}", len(picture())) for name in names]
    begun(place.inbox, 6)
    for connection in waiting:
        connection.send(picture())
    assert {answer(connection)[0] for connection in waiting} == {201}
    daemon.finished(*names)
    daemon.stop()


@pytest.mark.full
def test_a_vouched_file_that_changes_is_looked_at_anew(place: Workplace) -> None:
    """Changed before its turn came it settles as any other, and comes out as it is then."""
    gate = Gate(place)
    place.configure({"name": "all", "outputs": [{"kind": "cutout"}, gate.flat]})
    place.change_config(workers=1)
    daemon, page = with_page(place)
    gate.shut()
    page.put("shop/a.jpg", picture())
    gate.wait()
    page.put("shop/b.jpg", picture(number=1))
    place.put("b.jpg", picture(number=2))
    gate.open()
    daemon.finished("a.jpg", "b.jpg")
    daemon.stop(signal.SIGTERM)
    assert [entry.size for entry in place.entries() if entry.path == "b.jpg"][-1] == len(
        picture(number=2)
    )
    assert place.files() == ["a-flat.jpg", "a.png", "b-flat.jpg", "b.png"]
