import errno
import io
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageDraw

from scissorsd import failpoints
from scissorsd.config import from_values
from scissorsd.core import masking
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.masking import Judgement
from scissorsd.core.settling import Sighting
from scissorsd.daemon import pipeline, recovery
from scissorsd.daemon.elsewhere import task_elsewhere
from scissorsd.daemon.memory import MemoryBudget
from scissorsd.daemon.outcomes import Bench, Changed, Done, Failed, Held, LeftAlone, Outcome, Task
from scissorsd.errors import HoldError, SessionError
from scissorsd.folders import mounts, no_replace, publishing, scanning, sources
from scissorsd.inference.sessions import Sessions
from scissorsd.machine import MemoryBound
from scissorsd.pictures.metadata import Metadata
from scissorsd.pictures.picture import SMALL, Picture, as_picture
from scissorsd.records.interrupted import STARVED
from scissorsd.records.journal import Journal
from scissorsd.records.journal_rows import Entry
from scissorsd.settings import Config, Inbox

SIZE = (96, 72)


def subject(colour: str = "firebrick") -> Image.Image:
    """Draw something that u2netp is sure of: a ball on a light ground."""
    picture = Image.new("RGB", SIZE, "whitesmoke")
    ImageDraw.Draw(picture).ellipse((26, 10, 70, 62), fill=colour)
    return picture


def encoded(picture: Image.Image, name: str = "JPEG") -> bytes:
    """Encode a picture."""
    buffer = io.BytesIO()
    picture.save(buffer, name)
    return buffer.getvalue()


SUBJECT = encoded(subject())
OTHER = encoded(subject("navy"), "PNG")
NOTHING = encoded(Image.new("RGB", SIZE, "gray"))


# Most of these pictures are the same few.
_GIVEN: dict[tuple[str, bytes], tuple[NDArray[np.float32], str, str]] = {}


class Counting:
    """Real sessions; counts what they run, and does something first if asked to."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self.runs = 0
        self.first: Callable[[], None] = lambda: None

    def run(
        self, name: str, network_input: NDArray[np.float32], /
    ) -> tuple[NDArray[np.float32], str, str]:
        """Run the real network, or remember what it gave for the same input."""
        self.runs += 1
        self.first()
        asked = (name, network_input.tobytes())
        if asked not in _GIVEN:
            _GIVEN[asked] = self._sessions.run(name, network_input)
        raw, provider, precision = _GIVEN[asked]
        return raw.copy(), provider, precision


@pytest.fixture(scope="module")
def sessions(models_folder: Path) -> Sessions:
    """Open real sessions on the CPU."""
    return Sessions(models=CATALOGUE, folder=models_folder, providers=("cpu",), require_gpu=False)


class Shop:
    """One inbox with its outbox, journal and bench, and the line that works on it."""

    def __init__(self, folder: Path, journal: Journal, sessions: Sessions) -> None:
        self.folder = folder
        self.inbox = folder / "inbox"
        self.outbox = folder / "outbox"
        self.inbox.mkdir()
        self.journal = journal
        self.sessions = Counting(sessions)
        self.root = mounts.Root(self.outbox)
        self.bench = Bench(
            journal=journal,
            sessions=self.sessions,
            catalogue=CATALOGUE,
            limits=self.config().limits,
            memory=MemoryBudget(1 << 30),
            now=lambda: datetime(2026, 5, 4, 12, tzinfo=UTC),
        )

    def config(self, **rule: object) -> Config:
        """Return a configuration with one inbox and one rule."""
        rules = [{"name": "all", "model": "u2netp", **rule}]
        inbox = {"path": str(self.inbox), "outbox": str(self.outbox), "rules": rules}
        values = {"state": str(self.folder / "state"), "inboxes": {"shop": inbox}}
        return from_values(values, base=self.folder).config

    def put(self, name: str, content: bytes = SUBJECT) -> Path:
        """Put a picture into the inbox."""
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def task(
        self,
        name: str,
        *,
        attempts: int = 0,
        last_attempt: bool = False,
        rule: Mapping[str, object] = MappingProxyType({}),
    ) -> Task:
        """Hand a picture that is there to a worker, under a rule."""
        inbox: Inbox = self.config(**rule).inboxes[0]
        source = scanning.sight(self.inbox, name)
        assert source is not None
        return Task(
            inbox_root=mounts.Root(self.inbox),
            inbox=inbox,
            outbox_root=self.root,
            source=source,
            rule=inbox.rules[0],
            settled_at=time.monotonic(),
            attempts=attempts,
            last_attempt=last_attempt,
        )

    def cut(self, name: str, **rule: object) -> Outcome:
        """Take a picture that is there along the line, under a rule."""
        return pipeline.process(self.task(name, rule=rule), self.bench)

    def out(self) -> list[str]:
        """Return every file in the outbox, temporaries too."""
        files = (path for path in self.outbox.rglob("*") if not path.is_dir())
        return sorted(str(path.relative_to(self.outbox)) for path in files)

    def entry(self, name: str) -> Entry:
        """Return what the journal says of a picture's latest version."""
        return self.journal.entries.of_source(self.inbox, name)[0]


@pytest.fixture
def shop(tmp_path: Path, sessions: Sessions) -> Iterator[Shop]:
    """Open a shop."""
    (tmp_path / "state").mkdir()
    journal = Journal(tmp_path / "state")
    yield Shop(tmp_path, journal, sessions)
    journal.close()


# --- on the line -----------------------------------------------------------------------------


def test_a_picture_comes_out_cut(shop: Shop) -> None:
    """A picture becomes a cutout whose subject is opaque and whose ground is not; it says all."""
    shop.put("one/a.jpg")
    done = shop.cut("one/a.jpg")
    assert isinstance(done, Done)
    assert done.outputs == (str(shop.outbox / "one" / "a.png"),)
    assert (done.verdict, done.model, done.provider) == ("ok", "u2netp", "cpu")
    assert (done.width, done.height) == SIZE
    with Image.open(done.outputs[0]) as cutout:
        assert (cutout.format, cutout.mode, cutout.size) == ("PNG", "RGBA", SIZE)
        assert cutout.getpixel((48, 36))[3] > 240  # type: ignore[index]
        assert cutout.getpixel((3, 3))[3] < 15  # type: ignore[index]
    assert (shop.inbox / "one" / "a.jpg").read_bytes() == SUBJECT
    entry = shop.entry("one/a.jpg")
    assert (entry.state, entry.verdict, entry.provider) == ("done", "ok", "cpu")
    assert entry.published == done.outputs


def test_every_kind_of_output(shop: Shop) -> None:
    """All outputs of a rule appear, in their folders, with their names and formats."""
    shop.put("a b.jpg")
    outputs = [
        {"kind": "cutout", "format": "webp"},
        {"kind": "mask", "folder": "masks"},
        {"kind": "flat", "background": "#00ff00", "name": "{date}/{stem}-{rule}-{inbox}"},
        {"kind": "comparison", "format": "png"},
    ]
    assert isinstance(shop.cut("a b.jpg", outputs=outputs), Done)
    assert shop.out() == [
        "2026-05-04/a b-all-shop.jpg",
        "a b-comparison.png",
        "a b.webp",
        "masks/a b-mask.png",
    ]
    with Image.open(shop.outbox / "masks" / "a b-mask.png") as mask:
        assert (mask.mode, mask.size) == ("L", SIZE)
    with Image.open(shop.outbox / "2026-05-04" / "a b-all-shop.jpg") as flat:
        red, green, blue = flat.convert("RGB").getpixel((3, 3))  # type: ignore[misc]
        assert green > 200
        assert max(red, blue) < 60


def test_names_tell_of_the_picture(shop: Shop) -> None:
    """Its size as it is seen, its day by EXIF or by its file, its folder and its number."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2024:05:17 14:03:22"
    buffer = io.BytesIO()
    subject().save(buffer, "JPEG", exif=exif)
    shop.put("shoes/a.jpg", buffer.getvalue())
    os.utime(shop.put("b.jpg"), (1_600_000_000, 1_600_000_000))
    named = "{taken}/{parent}-{counter}-{width}x{height}"
    outputs = [{"kind": "cutout", "name": named}, {"kind": "mask"}]
    expected = [
        "2020-09-13/shop-0002-96x72.png",
        "b-mask.png",
        "shoes/2024-05-17/shoes-0001-72x96.png",
        "shoes/a-mask.png",
    ]
    for name in ("shoes/a.jpg", "b.jpg"):
        assert isinstance(shop.cut(name, outputs=outputs), Done)
    assert shop.out() == expected
    # again, by a rule that has changed: in place; and by one that names other things
    for name in ("b.jpg", "shoes/a.jpg"):
        shop.journal.ask_again(shop.entry(name).id)
        cropped = [{**outputs[0], "crop": "subject"}, outputs[1]]
        assert isinstance(shop.cut(name, outputs=cropped), Done)
    assert shop.out() == expected
    shop.journal.ask_again(shop.entry("b.jpg").id)
    narrow = [{"kind": "cutout", "name": "{stem}-{height}"}, outputs[1]]
    assert isinstance(shop.cut("b.jpg", outputs=narrow), Done)
    assert shop.out() == ["b-72.png", *expected[1:]]


def test_a_folder_elsewhere_that_is_away(shop: Shop) -> None:
    """Its pictures are held, and nobody else's; what was made of them before stays theirs."""
    web = shop.folder / "web"
    rule = {"outputs": [{"kind": "cutout"}, {"kind": "mask", "folder": str(web)}]}
    root = mounts.Root(web, for_all=False)
    shop.put("a.jpg")
    task = replace(shop.task("a.jpg", rule=rule), roots_elsewhere=(root,))
    done = pipeline.process(task, shop.bench)
    assert isinstance(done, Done)
    assert done.outputs == (str(shop.outbox / "a.png"), str(web / "a-mask.png"))
    shutil.move(web, shop.folder / "gone")
    shop.put("b.jpg")
    task = replace(shop.task("b.jpg", rule=rule), roots_elsewhere=(root,))
    held = pipeline.process(task, shop.bench)
    assert isinstance(held, Held)
    assert not held.outbox_wide
    assert held.reason.startswith(f"the folder of an output is away: {web}")
    assert not web.exists()
    assert isinstance(shop.cut("b.jpg"), Done)  # by a rule that does not need it


def test_two_pictures_that_want_one_name(shop: Shop) -> None:
    """`a.jpg` and `a.png` both come out, each under a name that stays its own."""
    shop.put("a.jpg")
    shop.put("a.png", OTHER)
    first, second = shop.cut("a.jpg"), shop.cut("a.png")
    assert isinstance(first, Done)
    assert isinstance(second, Done)
    assert shop.out() == ["a-png.png", "a.png"]
    with Image.open(shop.outbox / "a-png.png") as cutout:
        assert cutout.getpixel((48, 36))[2] > 100  # type: ignore[index]


def test_names_that_differ_in_case_only(shop: Shop) -> None:
    """`A.jpg` and `a.jpg` do not share an output, which some shares would make one file."""
    shop.put("A.jpg")
    shop.put("a.jpg")
    shop.cut("A.jpg")
    shop.cut("a.jpg")
    assert shop.out() == ["A.png", "a-jpg.png"]


def test_a_file_of_somebody_else_is_not_overwritten(shop: Shop) -> None:
    """A file that is in the outbox already, and not ours, stays as it is."""
    shop.put("a.jpg")
    shop.outbox.mkdir()
    (shop.outbox / "a.png").write_bytes(b"mine")
    shop.cut("a.jpg")
    assert shop.out() == ["a-jpg.png", "a.png"]
    assert (shop.outbox / "a.png").read_bytes() == b"mine"


def test_a_new_version_takes_its_old_name(shop: Shop) -> None:
    """A picture that is changed and cut again overwrites its own output."""
    shop.put("a.jpg")
    shop.cut("a.jpg")
    before = (shop.outbox / "a.png").read_bytes()
    shop.put("a.jpg", encoded(subject("navy")))
    shop.cut("a.jpg")
    assert shop.out() == ["a.png"]
    assert (shop.outbox / "a.png").read_bytes() != before


def test_source_move(shop: Shop) -> None:
    """With source: move, the picture itself goes to processed/, sub-folders mirrored."""
    shop.put("one/a.jpg")
    assert isinstance(shop.cut("one/a.jpg", source="move"), Done)
    assert shop.out() == ["one/a.png", "processed/one/a.jpg"]
    assert (shop.outbox / "processed" / "one" / "a.jpg").read_bytes() == SUBJECT
    assert not (shop.inbox / "one" / "a.jpg").exists()


def test_source_move_to_a_folder_elsewhere(shop: Shop) -> None:
    """With move_to, the picture goes where the rule says."""
    shop.put("a.jpg")
    shop.cut("a.jpg", source="move", move_to=str(shop.folder / "archive"))
    assert (shop.folder / "archive" / "a.jpg").read_bytes() == SUBJECT
    assert shop.out() == ["a.png"]


def test_the_same_name_again_and_again(shop: Shop) -> None:
    """Where sources are moved, every picture of a recurring name is kept, and its cutout too."""
    for colour in ("firebrick", "navy", "green"):
        shop.put("a.jpg", encoded(subject(colour)))
        assert isinstance(shop.cut("a.jpg", source="move"), Done)
    assert shop.out() == [
        "a-2.png",
        "a-jpg.png",
        "a.png",
        "processed/a-2.jpg",
        "processed/a-jpg.jpg",
        "processed/a.jpg",
    ]


def test_source_delete(shop: Shop) -> None:
    """With source: delete, the picture goes only after its cutout is out."""
    path = shop.put("a.jpg")
    shop.sessions.first = lambda: _is_there(path)
    assert isinstance(shop.cut("a.jpg", source="delete"), Done)
    assert not path.exists()
    assert shop.out() == ["a.png"]


def _is_there(path: Path) -> None:
    assert path.exists()


def test_a_name_that_is_not_utf8(shop: Shop) -> None:
    """A picture whose name is no UTF-8 comes out under the same bytes."""
    name = os.fsdecode(b"caf\xe9.jpg")
    shop.put(name)
    assert isinstance(shop.cut(name, source="move"), Done)
    assert shop.out() == [os.fsdecode(b"caf\xe9.png"), f"processed/{name}"]


def test_the_longest_name(shop: Shop) -> None:
    """A picture whose name has 255 bytes comes out, with its mask under a name cut to fit."""
    name = "x" * 251 + ".jpg"
    shop.put(name)
    done = shop.cut(name, outputs=[{"kind": "cutout"}, {"kind": "mask"}], source="move")
    assert isinstance(done, Done)
    assert len(shop.out()) == 3
    assert max(len(Path(path).name) for path in shop.out()) == 255


# --- what the mask says of itself ------------------------------------------------------------


def test_no_subject_goes_to_review(shop: Shop) -> None:
    """Where no subject is found, the outputs go under review/ with the reason beside them."""
    shop.put("one/grey.jpg", NOTHING)
    done = shop.cut("one/grey.jpg")
    assert isinstance(done, Done)
    assert done.verdict == "no_subject"
    assert shop.out() == ["review/one/grey.png", "review/one/grey.png.txt"]
    note = (shop.outbox / "review" / "one" / "grey.png.txt").read_text()
    assert "no clear subject" in note
    assert str(shop.inbox / "one" / "grey.jpg") in note


def test_no_subject_may_be_published(shop: Shop) -> None:
    """With when_no_subject: publish, it comes out as any other."""
    shop.put("grey.jpg", NOTHING)
    assert isinstance(shop.cut("grey.jpg", when_no_subject="publish"), Done)
    assert shop.out() == ["grey.png"]


def test_no_subject_may_fail(shop: Shop) -> None:
    """With when_no_subject: fail, the picture is set aside; the reason names the rule."""
    shop.put("grey.jpg", NOTHING)
    failed = shop.cut("grey.jpg", when_no_subject="fail")
    assert isinstance(failed, Failed)
    assert "'all'" in failed.reason
    assert shop.out() == ["failed/grey.jpg.txt"]
    assert shop.entry("grey.jpg").verdict == "no_subject"


@pytest.mark.parametrize(
    ("option", "out"),
    [
        ("publish", ["a.png"]),
        ("review", ["review/a.png", "review/a.png.txt"]),
        ("fail", ["failed/a.jpg.txt"]),
    ],
)
def test_doubtful(shop: Shop, monkeypatch: pytest.MonkeyPatch, option: str, out: list[str]) -> None:
    """A doubtful mask takes the way that when_doubtful says."""
    doubt = Judgement("doubtful", 1.0, 0.1, 0.4)
    monkeypatch.setattr("scissorsd.pictures.cutting_out.masking.judge", lambda *_, **__: doubt)
    shop.put("a.jpg")
    shop.cut("a.jpg", when_doubtful=option)
    assert shop.out() == out
    assert shop.entry("a.jpg").verdict == "doubtful"


# --- failing ---------------------------------------------------------------------------------


def test_failed_keeps_the_source_in_place(shop: Shop) -> None:
    """What is no picture fails; under keep the file stays and only its reason is set aside."""
    shop.put("one/a.jpg", b"this is not a picture at all")
    failed = shop.cut("one/a.jpg")
    assert isinstance(failed, Failed)
    assert shop.out() == ["failed/one/a.jpg.txt"]
    note = (shop.outbox / "failed" / "one" / "a.jpg.txt").read_text()
    assert note.startswith(failed.reason)
    assert str(shop.inbox / "one" / "a.jpg") in note
    assert (shop.inbox / "one" / "a.jpg").exists()
    assert shop.entry("one/a.jpg").state == "failed"


@pytest.mark.parametrize("source", ["move", "delete"])
def test_failed_source_is_set_aside_and_never_deleted(shop: Shop, source: str) -> None:
    """Under move and delete a failed picture goes to failed/ with its reason, and is not lost."""
    shop.put("a.jpg", b"not a picture, one")
    shop.cut("a.jpg", source=source)
    shop.put("a.jpg", b"not a picture, two")
    shop.cut("a.jpg", source=source)
    assert shop.out() == [
        "failed/a-2.jpg",
        "failed/a-2.jpg.txt",
        "failed/a.jpg",
        "failed/a.jpg.txt",
    ]
    assert (shop.outbox / "failed" / "a.jpg").read_bytes() == b"not a picture, one"
    assert not (shop.inbox / "a.jpg").exists()


def test_success_clears_an_earlier_failure(shop: Shop) -> None:
    """When a failed picture is replaced by a good one, its old reason goes."""
    shop.put("a.jpg", b"not a picture")
    shop.cut("a.jpg")
    shop.put("a.jpg")
    assert isinstance(shop.cut("a.jpg"), Done)
    assert shop.out() == ["a.png"]


def test_what_was_set_aside_keeps_its_reason(shop: Shop) -> None:
    """When a good picture comes after one that was set aside, that one's reason stays with it."""
    shop.put("a.jpg", b"not a picture")
    shop.cut("a.jpg", source="move")
    shop.put("a.jpg")
    assert isinstance(shop.cut("a.jpg", source="move"), Done)
    assert shop.out() == ["a.png", "failed/a.jpg", "failed/a.jpg.txt", "processed/a.jpg"]


def test_truncated_is_held_until_the_last_look(shop: Shop) -> None:
    """A picture whose end is missing is held, and fails only at the last look."""
    shop.put("a.jpg", SUBJECT[: len(SUBJECT) // 2])
    held = shop.cut("a.jpg")
    assert isinstance(held, Held)
    assert held.truncated
    assert shop.out() == []
    assert shop.entry("a.jpg").state == "held"
    failed = pipeline.process(shop.task("a.jpg", last_attempt=True), shop.bench)
    assert isinstance(failed, Failed)
    assert shop.out() == ["failed/a.jpg.txt"]


def test_over_the_limits(shop: Shop) -> None:
    """A picture over the pixel limit fails from its header, without being decoded or run."""
    shop.bench = replace(shop.bench, limits=replace(shop.bench.limits, pixels=1000))
    shop.put("a.jpg")
    failed = shop.cut("a.jpg")
    assert isinstance(failed, Failed)
    assert "limit" in failed.reason
    assert shop.sessions.runs == 0


def test_an_output_that_no_file_can_hold(shop: Shop) -> None:
    """What a format cannot hold is named before the network runs; no output is published."""
    shop.put("a.jpg", encoded(Image.new("RGB", (20_480, 8), "gray")))
    failed = shop.cut("a.jpg", outputs=[{"kind": "mask"}, {"kind": "cutout", "format": "webp"}])
    assert isinstance(failed, Failed)
    assert "the cutout's 20480 by 8 pixels are more than webp can hold" in failed.reason
    assert shop.sessions.runs == 0
    assert shop.out() == ["failed/a.jpg.txt"]


def test_a_half_that_is_missing_is_doubtful(shop: Shop) -> None:
    """A JPEG whose samples end in the middle goes to review, and the note says so."""
    end = SUBJECT.index(b"\xff\xda") + (len(SUBJECT) - SUBJECT.index(b"\xff\xda")) // 2
    shop.put("a.jpg", SUBJECT[:end].rstrip(b"\xff") + b"\xff\xd9")
    done = shop.cut("a.jpg", when_doubtful="review", when_no_subject="review")
    assert isinstance(done, Done)
    assert done.verdict != "ok"
    note = (shop.outbox / "review" / "a.png.txt").read_text()
    assert "the lower part of the picture is missing" in note


def test_three_strikes(shop: Shop) -> None:
    """A picture during which the program crashed three times is set aside unopened."""
    shop.put("a.jpg")
    failed = pipeline.process(shop.task("a.jpg", attempts=3 * recovery.CRASH), shop.bench)
    assert isinstance(failed, Failed)
    assert "died again and again" in failed.reason
    assert shop.sessions.runs == 0


def test_unforeseen(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that nobody foresaw fails the picture with its trace and raises nothing."""

    def stumble(*_: object, **__: object) -> bytes:
        raise RuntimeError("who would have thought")

    monkeypatch.setattr("scissorsd.daemon.making.render_all", stumble)
    shop.put("a.jpg")
    failed = shop.cut("a.jpg")
    assert isinstance(failed, Failed)
    assert "RuntimeError: who would have thought" in failed.reason
    assert "stumble" in failed.trace
    assert shop.out() == ["failed/a.jpg.txt"]
    assert shop.entry("a.jpg").state == "failed"


# --- holding ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [SessionError("the GPU is lost"), MemoryError(), HoldError("the share is busy")]
)
def test_what_should_pass_is_held(shop: Shop, fault: Exception) -> None:
    """A lost GPU, a want of memory or a busy share hold a picture, and it comes out later."""

    def refuse() -> None:
        raise fault

    shop.sessions.first = refuse
    shop.put("a.jpg")
    assert isinstance(shop.cut("a.jpg"), Held)
    assert shop.entry("a.jpg").state == "held"
    assert shop.out() == []
    shop.sessions.first = lambda: None
    assert isinstance(shop.cut("a.jpg"), Done)
    assert shop.out() == ["a.png"]


def test_full_disk_holds_the_whole_outbox(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full outbox holds the picture, says so for all of its kind, and leaves no litter."""

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    shop.put("a.jpg")
    with monkeypatch.context() as patch:
        patch.setattr("scissorsd.folders.publishing.os.fsync", full)
        held = shop.cut("a.jpg", source="delete")
    assert isinstance(held, Held)
    assert held.outbox_wide
    assert "Make room" in held.reason
    assert shop.out() == []
    assert (shop.inbox / "a.jpg").exists()
    assert isinstance(shop.cut("a.jpg", source="delete"), Done)


def test_outbox_that_went_away(shop: Shop) -> None:
    """An outbox that was there and is gone holds everything; it is not made anew."""
    shop.put("a.jpg")
    shop.put("b.jpg")
    shop.cut("a.jpg")
    shop.outbox.rename(shop.folder / "unplugged")
    held = shop.cut("b.jpg")
    assert isinstance(held, Held)
    assert held.outbox_wide
    assert not shop.outbox.exists()


# --- what changes during the work ------------------------------------------------------------


def test_replaced_while_being_cut(shop: Shop) -> None:
    """A picture that is replaced while it is cut is not published; the new one can be cut."""
    path = shop.put("a.jpg")

    def replaced() -> None:
        shop.put("new", encoded(subject("navy"))).rename(path)

    shop.sessions.first = replaced
    assert isinstance(shop.cut("a.jpg", source="delete"), Changed)
    assert shop.out() == []
    assert path.exists()
    shop.sessions.first = lambda: None
    assert isinstance(shop.cut("a.jpg", source="delete"), Done)
    assert shop.out() == ["a.png"]


def test_taken_away_while_being_cut(shop: Shop) -> None:
    """A picture that is taken away while it is cut leaves nothing behind, in folders or journal."""
    path = shop.put("a.jpg")
    shop.sessions.first = path.unlink
    assert isinstance(shop.cut("a.jpg"), Changed)
    assert shop.out() == []
    assert shop.journal.entries.of_source(shop.inbox, "a.jpg") == []


@pytest.mark.parametrize("source", ["move", "delete"])
def test_replaced_after_publishing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """A picture put in place just before the old one is disposed of is not disposed of."""
    path = shop.put("a.jpg")
    honest = shop.journal.published

    def published(*args: object, **options: object) -> None:
        honest(*args, **options)  # type: ignore[arg-type]
        shop.put("new", OTHER).rename(path)

    monkeypatch.setattr(shop.journal, "published", published)
    assert isinstance(shop.cut("a.jpg", source=source), Changed)
    assert path.read_bytes() == OTHER
    assert shop.out() == ["a.png"]
    assert shop.entry("a.jpg").state == "done"


# --- interrupted -----------------------------------------------------------------------------


class PowerCutError(BaseException):
    """The process dies here."""


def test_published_but_not_disposed_of(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """After dying between publishing and disposing, the source is disposed of without a new cut."""
    path = shop.put("a.jpg")
    task = shop.task("a.jpg", rule={"source": "move"})

    def die(*_: object, **__: object) -> None:
        raise PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr("scissorsd.daemon.naming.sources.move", die)
        with pytest.raises(PowerCutError):
            pipeline.process(task, shop.bench)
    assert path.exists()
    before = (shop.outbox / "a.png").stat()
    shop.journal.reload()
    done = pipeline.process(task, shop.bench)
    assert done == Done()
    assert shop.sessions.runs == 1
    assert (shop.outbox / "a.png").stat().st_mtime_ns == before.st_mtime_ns
    assert shop.out() == ["a.png", "processed/a.jpg"]
    assert not path.exists()


def test_died_while_publishing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """After dying in the middle of publishing, the job is repeated under its own names."""
    shop.put("a.jpg")
    task = shop.task("a.jpg", rule={"outputs": [{"kind": "cutout"}, {"kind": "mask"}]})
    honest = no_replace.rename

    def die(path: Path, target: Path, *, tag: str = "") -> None:
        if target.name == "a-mask.png":
            raise PowerCutError
        honest(path, target, tag=tag)

    def survive(_: Path, **__: object) -> None:
        return None

    with monkeypatch.context() as patch:
        patch.setattr(no_replace, "rename", die)
        patch.setattr(Path, "unlink", survive)  # a process that died removes nothing
        with pytest.raises(PowerCutError):
            pipeline.process(task, shop.bench)
    assert {"a.png", "a-mask.png"} & set(shop.out()) == {"a.png"}, "the rest are temporaries"
    shop.journal.reload()
    assert isinstance(pipeline.process(task, shop.bench), Done)
    assert shop.out() == ["a-mask.png", "a.png"]


def test_source_that_cannot_be_moved(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that cannot be disposed of is held as published and never cut again."""

    def denied(*_: object, **__: object) -> None:
        raise HoldError("cannot move it: Permission denied")

    shop.put("a.jpg")
    with monkeypatch.context() as patch:
        patch.setattr("scissorsd.daemon.naming.sources.move", denied)
        for _ in range(3):
            assert isinstance(shop.cut("a.jpg", source="move"), Held)
    assert shop.entry("a.jpg").state == "published"
    assert shop.sessions.runs == 1
    assert isinstance(shop.cut("a.jpg", source="move"), Done)
    assert shop.out() == ["a.png", "processed/a.jpg"]


# --- memory ----------------------------------------------------------------------------------


def test_memory_that_does_not_do(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture for which memory does not do is tried alone; after its last look it fails."""

    def starve(*_: object, **__: object) -> Picture:
        raise MemoryError

    shop.put("a.jpg")
    with monkeypatch.context() as patch:
        patch.setattr("scissorsd.daemon.making.reading.read", starve)
        held = shop.cut("a.jpg")
        assert isinstance(held, Held)
        assert held.short_of_memory
        assert "tried again, alone" in held.reason
        failed = pipeline.process(shop.task("a.jpg", last_attempt=True), shop.bench)
    assert isinstance(failed, Failed)
    assert "not enough memory for this picture, though it was tried alone" in failed.reason
    assert shop.out() == ["failed/a.jpg.txt"]


def test_what_can_never_fit(shop: Shop) -> None:
    """A picture that takes more than there is fails from its header, with both in words."""
    bound = MemoryBound("this container (memory.max)", 300_000_000, 299_990_000)
    shop.bench = replace(shop.bench, memory=MemoryBudget(1 << 30, [bound]))
    shop.put("a.jpg")
    failed = shop.cut("a.jpg")
    assert isinstance(failed, Failed)
    assert "this container (memory.max) leaves 0 MB (300 MB, of which 300 MB" in failed.reason
    assert shop.sessions.runs == 0


def test_starved_to_death(shop: Shop) -> None:
    """A picture with which the kernel ended the program each time says that it was for memory."""
    shop.put("a.jpg")
    task = shop.task("a.jpg", attempts=3 * recovery.CRASH)
    assert recovery.begin(task, shop.bench)
    shop.journal.interrupted.hold(99, STARVED)
    failed = pipeline.process(task, shop.bench)
    assert isinstance(failed, Failed)
    assert "for want of memory" in failed.reason


@pytest.mark.parametrize("size", [(3001, 2003), (5000, 1000), (100, 30)])
def test_the_network_sees_the_whole_picture(size: tuple[int, int]) -> None:
    """What a network is shown of a picture that was shrunk on reading is that of the whole one."""
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8)
    picture = as_picture(Image.fromarray(noise), None, Metadata())
    model = CATALOGUE["u2netp"]
    small, whole = (masking.network_input(rgb, None, model) for rgb in (picture.small, picture.rgb))
    assert picture.small.shape == (SMALL, SMALL, 3)
    assert (small == whole).all()


def test_memory_budget() -> None:
    """What fits goes in at once; what does not waits until there is room for it."""
    budget = MemoryBudget(100)
    order = []

    def large() -> None:
        with budget.lease(60):
            order.append("large")

    waiting = threading.Thread(target=large)
    with budget.lease(20) as first, budget.lease(5) as second:
        budget.grow(first, 30)
        budget.grow(second, 30)
        waiting.start()
        while not budget._changed._waiters:  # type: ignore[attr-defined]
            time.sleep(0.001)
        order.append("small")
    waiting.join(30)
    assert order == ["small", "large"]


def test_a_slow_cut_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a picture takes to be cut, no other is let in beside it without room."""
    monkeypatch.setattr("scissorsd.daemon.memory._PATIENCE", 0.01)
    budget, order = MemoryBudget(100), []

    def other() -> None:
        with budget.lease(20):
            order.append("other")

    waiting = threading.Thread(target=other)
    with budget.lease(90) as lease:
        budget.grow(lease, 90)
        waiting.start()
        waiting.join(0.2)  # twenty times the patience
        order.append("slow")
    waiting.join(30)
    assert order == ["slow", "other"]


def test_a_read_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is being cut and no read ends, pictures are let in all the same."""
    monkeypatch.setattr("scissorsd.daemon.memory._PATIENCE", 0.01)
    budget = MemoryBudget(100)
    with budget.lease(90), budget.lease(90), budget.lease(90):
        pass


def test_larger_than_the_budget() -> None:
    """A picture that alone is over the budget is let in when nothing else is in hand."""
    budget = MemoryBudget(100)
    with budget.lease(1000):
        pass
    with budget.lease(100):
        pass


# --- places ----------------------------------------------------------------------------------


BOTH = {"outputs": [{"kind": "cutout"}, {"kind": "mask", "folder": "masks"}]}


def test_names_that_are_taken_meanwhile(shop: Shop) -> None:
    """What another process puts into a planned place stays; all outputs get another name."""
    shop.put("a.jpg")

    def meanwhile() -> None:
        shop.sessions.first = lambda: None
        (shop.outbox / "masks").mkdir()
        (shop.outbox / "masks" / "a-mask.png").write_bytes(b"theirs")

    shop.sessions.first = meanwhile
    done = shop.cut("a.jpg", **BOTH)
    assert isinstance(done, Done)
    assert shop.out() == ["a-jpg.png", "masks/a-jpg-mask.png", "masks/a-mask.png"]
    assert (shop.outbox / "masks" / "a-mask.png").read_bytes() == b"theirs"
    assert shop.entry("a.jpg").published == done.outputs
    assert shop.sessions.runs == 1


def test_a_race_at_the_last_moment(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place that is taken between the last look and the taking leaves no half set behind."""
    shop.put("a.jpg")
    honest = no_replace.rename

    def outrun(origin: Path, place: Path, *, tag: str = "") -> None:
        if place.name == "a-mask.png":
            place.write_bytes(b"theirs")
        honest(origin, place, tag=tag)

    monkeypatch.setattr(no_replace, "rename", outrun)
    assert isinstance(shop.cut("a.jpg", **BOTH), Done)
    assert shop.out() == ["a-jpg.png", "masks/a-jpg-mask.png", "masks/a-mask.png"]
    assert (shop.outbox / "masks" / "a-mask.png").read_bytes() == b"theirs"


def test_half_put_out_and_then_taken(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed job had put out goes where the rest of its names was taken meanwhile."""
    shop.put("a.jpg")
    honest = no_replace.rename

    def die(origin: Path, place: Path, *, tag: str = "") -> None:
        if place.name == "a-mask.png":
            raise PowerCutError
        honest(origin, place, tag=tag)

    with monkeypatch.context() as patch:
        patch.setattr(no_replace, "rename", die)
        patch.setattr(publishing, "_is_linked", lambda _: False)
        patch.setattr(Path, "unlink", lambda _, **__: None)  # it is dead, and undoes nothing
        with pytest.raises(PowerCutError):
            shop.cut("a.jpg", **BOTH)
    assert (shop.outbox / "a.png").exists()
    (shop.outbox / "masks" / "a-mask.png").write_bytes(b"theirs")
    shop.journal.reload()
    assert isinstance(shop.cut("a.jpg", **BOTH), Done)
    assert shop.out() == ["a-jpg.png", "masks/a-jpg-mask.png", "masks/a-mask.png"]
    assert (shop.outbox / "masks" / "a-mask.png").read_bytes() == b"theirs"


def test_a_retouched_output_is_kept(shop: Shop) -> None:
    """An output that a person changed is theirs: the next version comes out beside it."""
    shop.put("a.jpg")
    assert isinstance(shop.cut("a.jpg"), Done)
    (shop.outbox / "a.png").write_bytes(b"retouched")
    shop.put("a.jpg", OTHER)
    assert isinstance(shop.cut("a.jpg"), Done)
    assert shop.out() == ["a-jpg.png", "a.png"]
    assert (shop.outbox / "a.png").read_bytes() == b"retouched"
    shop.put("a.jpg", SUBJECT + b"third")
    assert isinstance(shop.cut("a.jpg"), Done)
    assert shop.out() == ["a-jpg.png", "a.png"], "its own is replaced"


def test_the_place_of_a_source_is_taken(shop: Shop) -> None:
    """Where another's picture lies in processed/, ours goes beside it."""
    theirs = shop.outbox / "processed" / "a.jpg"

    def meanwhile() -> None:
        theirs.parent.mkdir()
        theirs.write_bytes(b"theirs")

    shop.sessions.first = meanwhile
    shop.put("a.jpg")
    assert isinstance(shop.cut("a.jpg", source="move"), Done)
    assert shop.out() == ["a.png", "processed/a-jpg.jpg", "processed/a.jpg"]
    assert theirs.read_bytes() == b"theirs"
    assert (shop.outbox / "processed" / "a-jpg.jpg").read_bytes() == SUBJECT
    assert shop.entry("a.jpg").moved_to == str(shop.outbox / "processed" / "a-jpg.jpg")


def test_a_place_taken_after_the_rule_changed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that is still to be moved under an older rule finds another place, too."""
    shop.put("a.jpg")
    with monkeypatch.context() as patch:
        patch.setattr(sources, "move", die_of_power)
        with pytest.raises(PowerCutError):
            shop.cut("a.jpg", source="move")
    (shop.outbox / "processed").mkdir()
    (shop.outbox / "processed" / "a.jpg").write_bytes(b"theirs")
    shop.journal.reload()
    assert isinstance(shop.cut("a.jpg", source="keep"), Done)
    assert shop.out() == ["a.png", "processed/a-jpg.jpg", "processed/a.jpg"]


def test_all_places_are_taken(shop: Shop) -> None:
    """Where a job comes out under another name, its source goes where the journal says."""

    def meanwhile() -> None:
        (shop.outbox / "a.png").write_bytes(b"theirs")

    shop.sessions.first = meanwhile
    shop.put("a.jpg")
    assert isinstance(shop.cut("a.jpg", source="move"), Done)
    assert shop.out() == ["a-jpg.png", "a.png", "processed/a-jpg.jpg"]
    assert shop.entry("a.jpg").moved_to == str(shop.outbox / "processed" / "a-jpg.jpg")


def test_reasons_of_others_are_kept(shop: Shop) -> None:
    """A file that is in a reason's place, in failed/ or review/, is not written over."""
    for folder in ("failed", "review"):
        (shop.outbox / folder).mkdir(parents=True)
    (shop.outbox / "failed" / "bad.jpg.txt").write_bytes(b"theirs")
    (shop.outbox / "failed" / "bad.jpg").write_bytes(b"theirs, too")
    (shop.outbox / "review" / "grey.png.txt").mkdir()
    shop.put("bad.jpg", b"no picture")
    shop.put("grey.jpg", NOTHING)
    assert isinstance(shop.cut("bad.jpg", source="move"), Failed)
    assert isinstance(shop.cut("grey.jpg"), Done)
    assert (shop.outbox / "failed" / "bad.jpg.txt").read_bytes() == b"theirs"
    assert (shop.outbox / "failed" / "bad.jpg").read_bytes() == b"theirs, too"
    assert shop.out() == [
        *("failed/bad-2.jpg", "failed/bad-2.jpg.txt", "failed/bad.jpg", "failed/bad.jpg.txt"),
        *("review/grey.png", "review/grey.png-2.txt"),
    ]


def refusing(monkeypatch: pytest.MonkeyPatch, shop: Shop, *, longest: int, forbidden: str) -> None:
    """Let the outbox be on a file system that takes no name longer, and none with these."""
    honest, make, look = no_replace.rename, Path.mkdir, Path.lstat

    def check(path: Path) -> None:
        if not path.is_relative_to(shop.outbox):
            return
        for part in path.relative_to(shop.outbox).parts:
            if len(os.fsencode(part)) > longest:
                raise OSError(errno.ENAMETOOLONG, "File name too long")
            if set(part) & set(forbidden):
                raise OSError(errno.EINVAL, "Invalid argument")

    def take(origin: Path, place: Path, *, tag: str = "") -> None:
        check(place)
        honest(origin, place, tag=tag)

    def mkdir(path: Path, mode: int = 0o777, *, parents: bool = False, exist_ok: bool) -> None:
        check(path)
        make(path, mode, parents=parents, exist_ok=exist_ok)

    def lstat(path: Path) -> os.stat_result:
        check(path)
        return look(path)

    monkeypatch.setattr(no_replace, "rename", take)
    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(Path, "lstat", lstat)


def test_names_that_the_outbox_refuses(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names with characters that a file system forbids come out with others in their stead."""
    refusing(monkeypatch, shop, longest=255, forbidden=':?"*')
    shop.put("card: 1/2026-11-28 12:30:05.jpg")
    done = shop.cut("card: 1/2026-11-28 12:30:05.jpg", source="move", **BOTH)
    assert isinstance(done, Done)
    assert shop.out() == [
        "card- 1/2026-11-28 12-30-05.png",
        "masks/card- 1/2026-11-28 12-30-05-mask.png",
        "processed/card- 1/2026-11-28 12-30-05.jpg",
    ]
    shop.put("no: picture.jpg", b"text")
    assert isinstance(shop.cut("no: picture.jpg", source="move"), Failed)
    assert shop.out()[1:3] == ["failed/no- picture.jpg", "failed/no- picture.jpg.txt"]
    assert shop.entry("no: picture.jpg").set_aside[1].endswith("no- picture.jpg")


def test_names_that_are_too_long(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only 143 bytes are taken, all outputs of a set are shortened, and reasons likewise."""
    refusing(monkeypatch, shop, longest=143, forbidden="")
    long = "x" * 138 + ".jpg"
    shop.put(long)
    assert isinstance(shop.cut(long, source="move", **BOTH), Done)
    assert all(len(name.rpartition("/")[2]) <= 143 for name in shop.out())
    assert len(shop.out()) == 3
    broken = "k" * 139 + ".jpg"
    shop.put(broken, b"text")
    assert isinstance(shop.cut(broken, source="move"), Failed)
    assert len(shop.out()) == 5
    assert not (shop.inbox / broken).exists()


def test_a_file_where_a_folder_should_be(shop: Shop) -> None:
    """A file in the place of an output's folder fails the picture, with a reason that names it."""
    shop.outbox.mkdir()
    (shop.outbox / "card").write_bytes(b"theirs")
    (shop.outbox / "failed").write_bytes(b"theirs, too")
    shop.put("card/a.jpg")
    failed = shop.cut("card/a.jpg", source="move")
    assert isinstance(failed, Failed)
    assert "a file is where this folder" in failed.reason
    assert "card" in failed.reason
    assert shop.out() == ["card", "failed", "failed-2/card/a.jpg", "failed-2/card/a.jpg.txt"]


def test_nothing_can_be_set_aside(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no reason can be written the journal has it, and the picture stays and is known."""
    shop.outbox.mkdir()
    refusing(monkeypatch, shop, longest=3, forbidden="")
    shop.put("bad.jpg", b"text")
    failed = shop.cut("bad.jpg", source="move")
    assert isinstance(failed, Failed)
    assert "could not be set aside" in failed.reason
    assert (shop.inbox / "bad.jpg").exists()
    shop.journal.reload()
    known = shop.journal.known(shop.inbox, "bad.jpg")
    assert known is not None
    assert (known.state, known.removed) == ("failed", False)


def test_a_source_that_no_place_takes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a source can be moved nowhere it stays, is told of, and is not cut again."""
    shop.put("a.jpg")
    shop.outbox.mkdir()
    (shop.outbox / "processed").write_bytes(b"theirs")
    done = shop.cut("a.jpg", source="move")
    assert isinstance(done, Done)
    assert "stays where it is" in done.stays
    assert (shop.inbox / "a.jpg").exists()
    shop.journal.reload()
    known = shop.journal.known(shop.inbox, "a.jpg")
    assert known is not None
    assert (known.state, known.removed) == ("done", False)
    monkeypatch.undo()


def test_an_output_is_never_cut(shop: Shop) -> None:
    """An output, or a moved source, that is seen again within its inbox is left alone."""
    shop.put("a.jpg")
    assert isinstance(shop.cut("a.jpg", source="move"), Done)
    for name in ("a.png", "processed/a.jpg"):
        seen = shop.inbox / "seen" / name
        seen.parent.mkdir(parents=True)
        os.link(shop.outbox / name, seen)
        outcome = shop.cut(f"seen/{name}")
        assert isinstance(outcome, LeftAlone)
        assert outcome.echo
        assert str(shop.outbox / name) in outcome.reason
    assert shop.out() == ["a.png", "processed/a.jpg"]


def test_a_copy_of_ours_is_a_picture(shop: Shop) -> None:
    """A moved source that is copied back is cut, also where files keep no number (SMB, FAT)."""
    shop.put("a.jpg")
    assert isinstance(shop.cut("a.jpg", source="move"), Done)
    shutil.copy2(shop.outbox / "processed" / "a.jpg", shop.inbox / "back.jpg")
    task = shop.task("back.jpg")
    unnumbered = replace(task, source=replace(task.source, inode=0))
    assert isinstance(pipeline.process(unnumbered, shop.bench), Done)


def test_an_output_that_was_moved_is_a_picture(shop: Shop) -> None:
    """An output that a person moves into the inbox is a picture like any other."""
    shop.put("a.jpg")
    assert isinstance(shop.cut("a.jpg"), Done)
    (shop.outbox / "a.png").rename(shop.inbox / "again.png")
    assert isinstance(shop.cut("again.png"), Done)
    assert shop.out() == ["again.png"]


def test_half_put_out_by_an_older_version(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a version without stamps was publishing when it died is still the job's own."""
    shop.put("a.jpg")
    with monkeypatch.context() as patch:
        patch.setattr(shop.journal, "published", die_of_power)
        with pytest.raises(PowerCutError):
            pipeline.process(shop.task("a.jpg"), shop.bench)
    shop.journal.file.db.execute("DELETE FROM stamps")
    shop.journal.file.db.execute("UPDATE jobs SET inode = NULL")
    shop.journal.reload()
    assert shop.out() == ["a.png"]
    assert isinstance(shop.cut("a.jpg"), Done)
    assert shop.out() == ["a.png"]


def die_of_power(*_: object, **__: object) -> None:
    """Die."""
    raise PowerCutError


# --- second thoughts -------------------------------------------------------------------------


def test_one_is_cut_again_while_another_of_its_name_comes_out(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it was moved to, while the new one's outputs are out and not yet journalled: both."""
    shop.put("a.jpg")
    shop.cut("a.jpg", source="move")
    first = shop.entry("a.jpg")
    assert shop.journal.recuts.ask(first, None, lies_at=first.moved_to)
    shop.put("a.jpg", encoded(subject("navy")))
    task = shop.task("a.jpg", rule={"source": "move"})
    (asked,) = shop.journal.recuts.elsewhere(shop.inbox)
    seen = Sighting(asked.lies_at, asked.size, asked.mtime_ns, inode=0, device=0)
    again = [task_elsewhere(replace(task, source=seen), asked)]

    def at(place: str, _: str = "") -> None:
        if place == "publish.done" and again:
            assert isinstance(pipeline.process(again.pop(), shop.bench), Done)

    monkeypatch.setattr(failpoints, "at", at)
    assert isinstance(pipeline.process(task, shop.bench), Done)
    assert not again
    assert shop.out() == ["a-jpg.png", "a.png", "processed/a-jpg.jpg", "processed/a.jpg"]


def test_one_that_was_to_be_cut_again_is_replaced(shop: Shop) -> None:
    """What had come of it stays known, as that of any picture that is replaced."""
    shop.put("a.jpg")
    shop.cut("a.jpg", outputs=[{"name": "{stem}-old"}])
    shop.journal.recuts.ask(shop.entry("a.jpg"), None)
    shop.put("a.jpg", encoded(subject("navy")))
    shop.cut("a.jpg")
    assert shop.out() == ["a-old.png", "a.png"]
    (known,) = shop.journal.entries.of_output(str(shop.outbox / "a-old.png"))
    assert known.state == "done"


def test_an_output_whose_name_no_file_system_takes(shop: Shop) -> None:
    """It is not there, as any that is gone: a picture that comes back is cut, and not held."""
    shop.put("a.jpg")
    shop.cut("a.jpg")
    entry = shop.entry("a.jpg")
    with shop.journal.file.transaction("test"):
        shop.journal.file.update(entry.id, published=json.dumps([str(shop.outbox / ("a" * 300))]))
    os.utime(shop.inbox / "a.jpg", (1, 1))
    assert isinstance(shop.cut("a.jpg"), Done)
    assert shop.out() == ["a.png"]


def test_what_is_left_of_one_that_was_replaced_is_known(shop: Shop) -> None:
    """Also where the one in its place waits in review/, and then has other names."""
    shop.put("a.jpg")
    shop.cut("a.jpg")
    shop.put("a.jpg", NOTHING)
    shop.cut("a.jpg")
    shop.journal.recuts.ask(shop.entry("a.jpg"), None)
    shop.cut("a.jpg", outputs=[{"name": "{stem}-b"}])
    assert shop.out() == ["a.png", "review/a-b.png", "review/a-b.png.txt"]
    assert shop.journal.entries.of_output(str(shop.outbox / "a.png"))
