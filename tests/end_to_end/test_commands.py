"""The commands that cut without a service, and those about models, as real processes."""

import io
import json
import os
import signal
from pathlib import Path

import pytest
from families import one_of_each_kind
from PIL import Image, ImageChops

from .driver import SIZE, Workplace, picture

U2NETP = ("--model", "u2netp")
CPU = ("--providers", "cpu", "--precision", "full")


# --- once ------------------------------------------------------------------------------------


def test_once(place: Workplace) -> None:
    """`once` cuts what is there and exits with 0; again it has nothing to do, unless `--again`."""
    place.put("a.jpg")
    place.put("one/b.png")
    command = ("once", place.inbox, place.outbox, *U2NETP, *CPU)
    first = place.run(*command)
    assert first.returncode == 0, first.stderr
    assert first.stderr.splitlines()[-1] == "2 cut, 0 not"
    assert place.files() == ["a.png", "one/b.png"]
    cut_at = (place.outbox / "a.png").stat().st_mtime_ns
    second = place.run(*command)
    assert second.returncode == 0
    assert "Nothing to do" in second.stderr
    assert (place.outbox / "a.png").stat().st_mtime_ns == cut_at
    third = place.run(*command, "--again")
    assert third.returncode == 0
    assert third.stderr.splitlines()[-1] == "2 cut, 0 not"
    assert place.files() == ["a.png", "one/b.png"]
    assert (place.outbox / "a.png").stat().st_mtime_ns > cut_at


def test_once_where_some_fail(place: Workplace) -> None:
    """`once` exits with 3 when some pictures fail, after the rest came out, and names each."""
    content = picture("c.png")
    place.put("a.jpg")
    place.put("bad.jpg", b"not a picture")
    place.put("half.png", content[: len(content) // 2])
    answer = place.run("once", "-c", place.config)
    assert answer.returncode == 3
    assert "1 cut, 2 not" in answer.stderr
    assert f"scissorsd: {place.inbox / 'bad.jpg'}: " in answer.stderr
    assert f"scissorsd: {place.inbox / 'half.png'}: " in answer.stderr
    assert place.files() == ["a.png", "failed/bad.jpg.txt", "failed/half.png.txt"]


@pytest.mark.full
def test_once_with_an_empty_file(place: Workplace) -> None:
    """`once` does not wait for ever for something to be written to an empty file; it names it."""
    place.put("a.jpg")
    place.put("empty.jpg", b"")
    answer = place.run("once", "-c", place.config)
    assert answer.returncode == 3
    assert "1 cut, 1 not" in answer.stderr
    assert f"scissorsd: {place.inbox / 'empty.jpg'}: it is empty" in answer.stderr
    assert place.files() == ["a.png"]


def test_once_of_nothing(place: Workplace) -> None:
    """`once` on an empty inbox exits with 0 at once."""
    answer = place.run("once", "-c", place.config)
    assert answer.returncode == 0
    assert "Nothing to do" in answer.stderr


def test_once_used_wrongly(place: Workplace) -> None:
    """`once` without folders, or on a folder that is not there, is a mistake of usage."""
    assert place.run("once").returncode == 2
    answer = place.run("once", place.folder / "nowhere", place.outbox)
    assert answer.returncode == 2
    assert "is not a folder" in answer.stderr


@pytest.mark.full
def test_a_folder_or_a_picture(place: Workplace) -> None:
    """`cut` of a folder names `once`, `once` of a picture names `cut`, and neither does more."""
    path = place.put("a b.jpg")
    answer = place.run("cut", place.inbox, "-o", place.outbox)
    assert answer.returncode == 1
    assert f"To cut all that is in it: scissorsd once {place.inbox} {place.outbox}" in answer.stderr
    answer = place.run("cut", path, place.inbox, "-o", place.outbox, *U2NETP)
    assert answer.returncode == 3
    assert f"scissorsd: {place.inbox}: it is a folder, not a picture" in answer.stderr
    assert place.files() == ["a b.png"]
    answer = place.run("once", path, place.outbox)
    assert answer.returncode == 2
    assert f"scissorsd cut '{path}' -o {place.outbox}" in answer.stderr


@pytest.mark.full
@pytest.mark.parametrize("edges", one_of_each_kind(["auto", "fine", "best", "soft"], kept=["best"]))
def test_edges(place: Workplace, edges: str) -> None:
    """`--edges` goes into the rule, is remembered, and `cut` takes it too; auto is the default."""
    place.put("a.jpg")
    chosen = () if edges == "auto" else ("--edges", edges)
    command = ("once", place.inbox, place.outbox, *U2NETP, *CPU, *chosen)
    assert place.run(*command).returncode == 0
    (kept,) = (place.folder / "home" / "state").glob("scissorsd/*/command-line.json")
    (rule,) = json.loads(kept.read_text())["inboxes"]["inbox"]["rules"]
    assert rule["mask"] == {"edges": edges}
    out = place.folder / "cut.png"
    cut = place.run("cut", place.inbox / "a.jpg", "-o", out, *U2NETP, *chosen)
    assert cut.returncode == 0, cut.stderr
    with Image.open(out) as one, Image.open(place.outbox / "a.png") as other:
        difference = ImageChops.difference(one.getchannel("A"), other.getchannel("A"))
    assert max(difference.tobytes()) <= 8  # `cut` may run on another provider


@pytest.mark.parametrize(
    "command", one_of_each_kind(["cut {}", "watch {} out", "sheet {}"], kept=["cut {}"])
)
def test_a_path_that_no_file_can_have(place: Workplace, command: str) -> None:
    """A path that the system does not look at is told of as such, and is no fault of ours."""
    name = f"{'x' * 300}.jpg"
    answer = place.run(*command.format(name).split())
    assert answer.returncode == 1
    assert f"{name}: " in answer.stderr
    assert "unforeseen" not in answer.stderr


# --- sheet -----------------------------------------------------------------------------------


def test_sheet(place: Workplace) -> None:
    """After `once` a contact sheet is a command away, which `once` tells; it knows the verdicts."""
    place.put("a.jpg")
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "silver").save(buffer, "PNG")
    place.put("none.png", buffer.getvalue())
    done = place.run("once", place.inbox, place.outbox, *U2NETP, *CPU)
    assert "2 cut (1 no_subject), 0 not" in done.stderr
    assert f"scissorsd sheet {place.outbox}" in done.stderr
    answer = place.run("sheet", place.outbox)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines() == [
        str(place.folder / "sheet.jpg"),
        "2 cutouts: 1 no subject, 1 ok (1 in review/)",
    ]
    assert not answer.stderr
    with Image.open(place.folder / "sheet.jpg") as image:
        image.load()
    assert place.files() == ["a.png", "review/none.png", "review/none.png.txt"]


@pytest.mark.full
def test_sheet_of_a_configuration(place: Workplace) -> None:
    """`sheet -c` asks the configuration's daemon; without it, verdicts are unknown."""
    place.put("a.jpg")
    assert place.run("once", "-c", place.config).returncode == 0
    told = place.run("sheet", place.outbox, "-c", place.config, "-o", "one.png")
    assert told.stdout.splitlines()[-1] == "1 cutout: 1 ok"
    untold = place.run("sheet", "outbox")
    assert untold.stdout.splitlines()[-1] == "1 cutout; no job journal tells of verdicts"


@pytest.mark.full
def test_sheet_used_wrongly(place: Workplace) -> None:
    """A sheet of nothing, among pictures, or of a configuration that is not there, is refused."""
    place.put("a.jpg")
    assert place.run("sheet", place.outbox).returncode == 2
    assert place.run("once", "-c", place.config).returncode == 0
    among = place.run("sheet", place.outbox, "-c", place.config, "-o", place.inbox)
    assert among.returncode == 2
    assert "-o" in among.stderr
    assert place.files(place.inbox) == ["a.jpg"]
    assert place.run("sheet", place.outbox, "-c", "nowhere.yaml").returncode != 0


# --- watch -----------------------------------------------------------------------------------


def test_watch(place: Workplace) -> None:
    """`watch` needs no configuration; it makes every output asked for, and `status` finds it."""
    options = ("--mask", "--flat", "white", "--source", "move", "--settle", "300ms")
    arguments = ("watch", str(place.inbox), str(place.outbox), *U2NETP, *CPU, *options)
    daemon = place.start(*arguments)
    daemon.wait("daemon.ready")
    place.put("a.jpg")
    daemon.finished("a.jpg")
    (state,) = (place.folder / "home" / "state" / "scissorsd").iterdir()
    told = json.loads(place.run("status", "--json", "--state", state).stdout)
    assert told["running"]
    assert told["inboxes"][0]["done"] == 1
    daemon.stop(signal.SIGINT)
    assert place.files() == ["a-flat.jpg", "a-mask.png", "a.png", "processed/a.jpg"]
    assert daemon.noise == []


# --- cut -------------------------------------------------------------------------------------


def test_cut(place: Workplace) -> None:
    """`cut` puts a cutout beside the picture, tells where, and writes over nothing unasked."""
    path = place.put("a.jpg")
    command = ("cut", path, *U2NETP)
    first = place.run(*command)
    assert first.returncode == 0, first.stderr
    assert first.stdout.strip() == str(place.inbox / "a-cutout.png")
    assert first.stderr == ""
    with Image.open(place.inbox / "a-cutout.png") as cutout:
        assert (cutout.mode, cutout.size) == ("RGBA", SIZE)
    second = place.run(*command)
    assert second.returncode == 1
    assert "is there already" in second.stderr
    assert place.run(*command, "--overwrite").returncode == 0


@pytest.mark.full
def test_cut_of_an_undecodable_name(place: Workplace) -> None:
    """`cut` takes a name that is not UTF-8 and shows it so that any terminal can."""
    answer = place.run("cut", place.put(os.fsdecode(b"caf\xe9.jpg")), *U2NETP)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == f"{place.inbox}/" + r"caf\xe9-cutout.png" + "\n"


@pytest.mark.full
def test_cut_a_few(place: Workplace) -> None:
    """`cut` of several pictures writes into a folder; it exits with 3 when some fail."""
    paths = [place.put("a.jpg"), place.put("bad.jpg", b"no"), place.put("b.png")]
    kinds = ("--kind", "cutout", "--kind", "mask")
    answer = place.run("cut", *paths, "-o", place.outbox, *U2NETP, *kinds)
    assert answer.returncode == 3
    assert str(paths[1]) in answer.stderr
    assert place.files() == ["a-mask.png", "a.png", "b-mask.png", "b.png"]


@pytest.mark.full
def test_cut_to_a_file(place: Workplace) -> None:
    """`cut -o FILE` writes that file, and refuses an ending that does not fit."""
    path = place.put("a.jpg")
    assert place.run("cut", path, "-o", place.folder / "out.png", *U2NETP).returncode == 0
    assert (place.folder / "out.png").exists()
    wrong = place.run("cut", path, "-o", place.folder / "out.jpg", *U2NETP)
    assert wrong.returncode == 1
    assert "out.png" in wrong.stderr
    unknown = place.run("cut", path, "--model", "u3net")
    assert unknown.returncode == 2
    assert "u2netp" in unknown.stderr


# --- models ----------------------------------------------------------------------------------


def test_models(place: Workplace, u2netp: Path) -> None:
    """`models list` shows what is there, and `models verify` reads it to the last byte."""
    folder = place.folder / "models"
    folder.mkdir()
    (folder / "u2netp.onnx").symlink_to(u2netp)
    listed = place.run("models", "--models", folder, "list")
    assert listed.returncode == 0, listed.stderr
    assert "u2netp" in listed.stdout
    assert "silueta" in listed.stdout
    good = place.run("models", "--models", folder, "verify")
    assert good.returncode == 0
    assert f"u2netp: ok ({folder / 'u2netp.onnx'})" in good.stdout
    assert f"u2net: not there ({folder / 'u2net.onnx'})" in good.stdout
    (folder / "u2netp.onnx").unlink()
    (folder / "u2netp.onnx").write_bytes(u2netp.read_bytes()[:-1] + b"!")
    bad = place.run("models", "--models", folder, "verify", "u2netp")
    assert bad.returncode == 1
    assert "u2netp" in bad.stderr
    assert place.run("models", "--models", folder, "verify", "nonesuch").returncode == 2
