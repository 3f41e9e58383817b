import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from threading import Event
from types import MappingProxyType

import pytest

from scissorsd.commands.rehearsal import rehearse
from scissorsd.config import from_values
from scissorsd.core.rules import Job, Rule, plan
from scissorsd.core.settling import Sighting
from scissorsd.core.wishes import Wish
from scissorsd.errors import HoldError
from scissorsd.folders import publishing, real_paths, scanning
from scissorsd.records.journal import Journal
from scissorsd.settings import Config

VERDICTS = (
    "A picture without a subject goes to review/; one with a doubtful mask is published like any "
    "other."
)
ALL: Mapping[str, object] = MappingProxyType({"name": "all"})


class Shop:
    """An inbox with rules, its outbox, and a journal where one was asked for."""

    def __init__(self, folder: Path, *rules: Mapping[str, object]) -> None:
        self.folder = folder
        self.inbox, self.outbox, self.state = (
            folder / name for name in ("inbox", "outbox", "state")
        )
        for made in (self.inbox, self.outbox, self.state):
            made.mkdir(exist_ok=True)
        shop = {"path": "inbox", "outbox": "outbox", "rules": [dict(r) for r in rules or (ALL,)]}
        values = {"state": "state", "inboxes": {"shop": shop}}
        self.config: Config = from_values(values, base=folder).config

    @property
    def rule(self) -> Rule:
        """The first rule."""
        return self.config.inboxes[0].rules[0]

    def put(self, name: str, content: bytes = b"a picture") -> Sighting:
        """Put a file into the inbox; give what a look at it sees."""
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        sighting = scanning.sight(self.inbox, name)
        assert sighting is not None
        return sighting

    def begin(self, source: Sighting, rule: Rule | None = None) -> tuple[Journal, Job]:
        """Journal a job of a picture as begun; give the journal, which is open."""
        journal = Journal(self.state)
        planned = plan(
            self.inbox,
            self.outbox,
            source,
            rule or self.rule,
            inbox_name="shop",
            date="",
            taken=lambda name: journal.owner(self.outbox, name) is not None,
        )
        begun = journal.begin(planned)
        assert begun is not None
        return journal, begun

    def cut(self, name: str) -> None:
        """Put a picture into the inbox, and journal it as cut."""
        journal, job = self.begin(self.put(name))
        places = [self.outbox / planned.path for planned in job.outputs]
        staged = publishing.stage([(place, b"a cutout") for place in places], tag="test")
        journal.stamps.add(job, staged)
        publishing.commit(staged)
        journal.published(
            job, [str(place) for place in places], verdict="ok", provider="cpu", stamps=staged
        )
        journal.finish(job)
        journal.close()

    def asked(self, *names: str) -> dict[str, list[str]]:
        """Rehearse pictures of the inbox; give what is said of each, by name."""
        said: dict[str, list[str]] = {}
        for line in rehearse(self.config, [self.inbox / name for name in names]):
            if line.startswith("  "):
                said[next(reversed(said))].append(line.strip())
            else:
                said[line.removeprefix(f"{self.inbox}/").removesuffix(":")] = []
        return said

    def cutout(self, name: str) -> str:
        """Return what the cutout of a picture would be called, from the outbox."""
        said = f"Its cutout would be {self.outbox}/"
        (line,) = [line for line in self.asked(name)[name] if line.startswith(said)]
        return line.removeprefix(said).removesuffix(".")

    def everything(self) -> dict[str, tuple[int, int, bytes]]:
        """Return every file and folder with its times and content."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            status = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            found[str(path)] = (status.st_ino, status.st_mtime_ns, content)
        return found


# --- names -----------------------------------------------------------------------------------


def test_all_that_would_become_of_a_picture(tmp_path: Path) -> None:
    """Every output has its name, the review variant its words, the source its place."""
    outputs = [{"kind": "cutout"}, {"kind": "mask", "folder": "masks"}, {"kind": "flat"}]
    products = {"name": "products", "match": "products/**", "outputs": outputs, "source": "move"}
    shop = Shop(tmp_path, products, {"name": "rest", "match": "*.jpg"})
    shop.put("products/mug.jpg")
    out = shop.outbox
    assert shop.asked("products/mug.jpg") == {
        "products/mug.jpg": [
            "It falls under the rule 'products' of the inbox 'shop'.",
            f"Its cutout would be {out}/products/mug.png.",
            f"Its mask would be {out}/masks/products/mug-mask.png.",
            f"Its flat would be {out}/products/mug-flat.jpg.",
            VERDICTS,
            f"There its outputs have the same names: {out}/review/…",
            f"It would be moved to {out}/processed/products/mug.jpg.",
        ]
    }


def test_of_a_picture_that_is_not_there_yet(tmp_path: Path) -> None:
    """A path at which nothing is has its rule and names all the same, in folders to come, too."""
    shop = Shop(tmp_path, {"name": "all", "outputs": [{"name": "{date}/{stem}"}]})
    first, second, third, *_ = shop.asked("new/cup.jpg")["new/cup.jpg"]
    assert first == f"There is no file at {shop.inbox}/new/cup.jpg now (No such file or directory)."
    assert second == "It falls under the rule 'all' of the inbox 'shop'."
    today = datetime.now().astimezone().strftime("%Y-%m-%d")
    assert third == f"Its cutout would be {shop.outbox}/new/{today}/cup.png."


def test_a_foreign_file_has_the_name(tmp_path: Path) -> None:
    """Where another's file has the name, the next one is told, for all outputs alike."""
    shop = Shop(tmp_path)
    (shop.outbox / "a.png").write_bytes(b"somebody's own")
    assert shop.cutout("a.jpg") == "a-jpg.png"
    (shop.outbox / "a-jpg.png").write_bytes(b"somebody's own")
    assert shop.cutout("a.jpg") == "a-2.png"
    (shop.outbox / "review").mkdir()
    (shop.outbox / "review" / "a-2.png").write_bytes(b"in review")
    assert shop.cutout("a.jpg") == "a-3.png"


def test_the_journal_has_the_name(tmp_path: Path) -> None:
    """A name that the journal has for another picture is taken, though no file is there."""
    shop = Shop(tmp_path)
    journal, _ = shop.begin(shop.put("a.webp"))
    journal.close()
    assert shop.cutout("a.jpg") == "a-jpg.png"
    assert shop.cutout("a.webp") == "a.png"


def test_the_picture_keeps_its_own_names(tmp_path: Path) -> None:
    """Names of its own are not taken: cut before, changed since, or gone and to come again."""
    shop = Shop(tmp_path)
    shop.cut("a.jpg")
    assert shop.cutout("a.jpg") == "a.png"
    shop.put("a.jpg", b"another picture of that name")
    assert shop.cutout("a.jpg") == "a.png"
    (shop.inbox / "a.jpg").unlink()
    assert shop.cutout("a.jpg") == "a.png"
    (shop.outbox / "a.png").write_bytes(b"corrected by a person")
    assert shop.cutout("a.jpg") == "a-jpg.png"


def test_several_that_want_one_name(tmp_path: Path) -> None:
    """Pictures that are named together get the names that they would have one after the other."""
    shop = Shop(tmp_path)
    said = shop.asked("b.jpg", "b.webp", "B.png")
    lines = [line for lines in said.values() for line in lines if "cutout" in line]
    names = ["b.png", "b-webp.png", "B-png.png"]
    assert lines == [f"Its cutout would be {shop.outbox}/{name}." for name in names]


def test_a_begun_picture_keeps_its_names(tmp_path: Path) -> None:
    """One that was begun under names that are no longer the first to be free keeps these."""
    shop = Shop(tmp_path)
    source = shop.put("a.jpg")
    journal, job = shop.begin(shop.put("a.webp"))
    held, second = shop.begin(source)
    assert second.outputs[0].path == "a-jpg.png"
    held.hold(second, "it is busy")
    journal.withdraw(job)
    journal.close()
    held.close()
    assert shop.cutout("a.jpg") == "a-jpg.png"
    assert "It is held since" in " ".join(shop.asked("a.jpg")["a.jpg"])


def test_known_pictures_are_told_as_such(tmp_path: Path) -> None:
    """Of a picture that was cut as it is, `check` says so, as `why` does."""
    shop = Shop(tmp_path)
    shop.cut("a.jpg")
    said = " ".join(shop.asked("a.jpg")["a.jpg"])
    assert "It was cut on" in said
    assert "It is not cut again while it stays as it is." in said
    shop.put("a.jpg", b"another")
    assert "It was cut on" not in " ".join(shop.asked("a.jpg")["a.jpg"])


# --- what is not taken -----------------------------------------------------------------------


def test_what_is_not_taken(tmp_path: Path) -> None:
    """Each reason for which a picture is left alone is told in the words of `why`, and no name."""
    drafts = {"name": "drafts", "match": "drafts/**", "skip": True}
    shop = Shop(tmp_path, drafts, {"name": "jpegs", "match": "*.jpg"})
    shop.put("real.jpg")
    (shop.inbox / "link.jpg").symlink_to("real.jpg")
    (shop.inbox / "folder.jpg").mkdir()
    os.mkfifo(shop.inbox / "pipe.jpg")
    here = shop.inbox
    reasons = {
        "link.jpg": f"{here}/link.jpg is a symbolic link; those are never followed. Put the file "
        "itself here.",
        "folder.jpg": f"{here}/folder.jpg is a folder; ask about a file in it.",
        "pipe.jpg": f"{here}/pipe.jpg is not a regular file (a pipe, socket or device); it is "
        "ignored.",
        ".a.jpg": "It is ignored: the name '.a.jpg' begins with a dot.",
        "a.jpg.part": "It is ignored: the name 'a.jpg.part' is of a kind that is never a picture "
        "to cut (*.part).",
        "a.txt": "It is ignored: its name does not end as a picture's does (.jpg, .png, .heic, …).",
        "drafts/a.jpg": "It is ignored: the rule 'drafts' matches it and says 'skip: true'.",
        "a.png": "It is ignored: no rule of the inbox 'shop' matches 'a.png'.",
    }
    assert shop.asked(*reasons) == {name: [reason] for name, reason in reasons.items()}
    elsewhere = tmp_path / "elsewhere.jpg"
    said = list(rehearse(shop.config, [elsewhere]))
    assert said == [
        f"{elsewhere}:",
        f"  {elsewhere} lies in no inbox; the inboxes are: {shop.inbox}.",
    ]


def test_an_empty_file(tmp_path: Path) -> None:
    """An empty file has its names, and it is said that it waits."""
    shop = Shop(tmp_path)
    shop.put("a.jpg", b"")
    assert shop.asked("a.jpg")["a.jpg"][0].startswith("It is empty")
    assert shop.cutout("a.jpg") == "a.png"


def test_names_of_every_kind(tmp_path: Path) -> None:
    """Names that would move a terminal's cursor, or are not UTF-8, are shown escaped."""
    shop = Shop(tmp_path)
    name = os.fsdecode(b"caf\xe9\x1b[2J.jpg")
    said = list(rehearse(shop.config, [shop.inbox / name]))
    assert rf"  Its cutout would be {shop.outbox}/caf\xe9\x1b[2J.png." in said


# --- nothing is changed, nothing is waited for -----------------------------------------------


def test_nothing_on_the_disk_is_changed(tmp_path: Path) -> None:
    """A rehearsal, with a journal or without, leaves no file, no folder and no time another."""
    shop = Shop(tmp_path)
    shop.outbox.rmdir()
    before = shop.everything()
    shop.asked("a.jpg", "b/c.jpg")
    assert shop.everything() == before
    shop.cut("a.jpg")
    before = shop.everything()
    assert "jobs.sqlite-wal" not in " ".join(before)
    shop.asked("a.jpg", "a.webp", "b/c.jpg")
    assert shop.everything() == before


def test_what_is_in_use_is_read(tmp_path: Path) -> None:
    """While the journal is open elsewhere, its last transactions are seen."""
    shop = Shop(tmp_path)
    journal, _ = shop.begin(shop.put("a.webp"))
    try:
        assert shop.cutout("a.jpg") == "a-jpg.png"
    finally:
        journal.close()


def test_a_damaged_journal(tmp_path: Path) -> None:
    """A journal that cannot be read is told of, left as it is, and the outbox is asked."""
    shop = Shop(tmp_path)
    (shop.state / "jobs.sqlite").write_bytes(b"no database, but long enough to be asked" * 9)
    before = shop.everything()
    first, *_ = rehearse(shop.config, [shop.inbox / "a.jpg"])
    assert first.startswith("What was cut before is not known here: the job journal ")
    assert shop.everything() == before


def test_an_outbox_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the names are the journal's, and it is said that they are uncertain."""
    shop = Shop(tmp_path)
    journal, _ = shop.begin(shop.put("a.webp"))
    journal.close()
    monkeypatch.setattr(real_paths.os, "statvfs", _hang_at(shop.outbox))  # type: ignore[attr-defined]
    said = shop.asked("a.jpg")["a.jpg"]
    assert (
        f"The outbox {shop.outbox} does not answer now: the names are those that the job journal "
        "has free; another file may have one." in said
    )
    assert f"Its cutout would be {shop.outbox}/a-jpg.png." in said


def _hang_at(folder: Path) -> object:
    """Return a statvfs that never ends at one folder."""
    really, never = os.statvfs, Event()

    def statvfs(path: Path) -> os.statvfs_result:
        if path == folder:
            never.wait()
        return really(path)

    return statvfs


def test_an_outbox_that_may_not_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be looked at is told of, and the names are the journal's."""

    def denied(path: Path) -> bool:
        raise HoldError(f"cannot look at {path}: Permission denied")

    shop = Shop(tmp_path)
    monkeypatch.setattr(publishing, "exists", denied)
    said = shop.asked("a.jpg")["a.jpg"]
    assert said[1] == "It falls under the rule 'all' of the inbox 'shop'."
    assert said[2].startswith("The outbox could not be looked through (cannot look at ")
    assert said[3] == f"Its cutout would be {shop.outbox}/a.png."


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_wish(tmp_path: Path, comes_back: bool) -> None:  # noqa: FBT001 - a case
    """What was asked of a picture is laid over its rule, and said; of the same bytes, too."""
    shop = Shop(tmp_path)
    shop.cut("a.jpg")
    journal = Journal(shop.state)
    (entry,) = journal.entries.of_source(shop.inbox, "a.jpg")
    journal.recuts.ask(entry, Wish(edges="best"))
    if comes_back:
        with journal.file.transaction("test"):
            digest = publishing.digest_of(b"a picture")
            journal.file.update(entry.id, state="done", content=digest)
        os.utime(shop.inbox / "a.jpg", (1, 1))
    journal.close()
    said = shop.asked("a.jpg")["a.jpg"]
    words = "It was asked for with: edges best. 'scissorsd recut --as-ruled' takes that back."
    assert words in said
    assert f"Its cutout would be {shop.outbox / 'a.png'}." in said
