"""`cut` with `-`, and with the options of an output, as real processes."""

import io
import os
import signal
import subprocess

import pytest
from PIL import Image

from .driver import SIZE, Workplace, picture
from .terminals import on_terminal
from .test_cut_by_rule import emptiness

U2NETP = ("--model", "u2netp")
FLAT = ("--kind", "flat", "--size", "60x50", "--crop", "subject", "--margin", "5%")


def test_from_a_pipe_into_a_pipe(place: Workplace) -> None:
    """What `cut -` sends are the bytes of the file that `cut` makes, and not a word beside them."""
    path = place.put("a.jpg")
    piped = place.pipe("cut", "-", *U2NETP, sent=path.read_bytes())
    assert (piped.returncode, piped.stderr) == (0, b"")
    assert place.run("cut", path, "-o", "a.png", *U2NETP).returncode == 0
    assert piped.stdout == (place.folder / "a.png").read_bytes()
    with Image.open(io.BytesIO(piped.stdout)) as cutout:
        assert (cutout.mode, cutout.size) == ("RGBA", SIZE)


@pytest.mark.full
def test_one_stream_alone(place: Workplace) -> None:
    """A file may go to standard output, and standard input into a file, in any kind and format."""
    path = place.put("a.jpg")
    sent = place.pipe("cut", path, "-o", "-", *U2NETP, "--kind", "mask")
    assert sent.returncode == 0
    with Image.open(io.BytesIO(sent.stdout)) as mask:
        assert (mask.format, mask.mode, mask.size) == ("PNG", "L", SIZE)
    into = place.pipe("cut", "-", "-o", "b.webp", *U2NETP, sent=path.read_bytes())
    assert (into.returncode, into.stdout) == (0, b"b.webp\n")
    with Image.open(place.folder / "b.webp") as cutout:
        assert cutout.format == "WEBP"


@pytest.mark.full
def test_as_a_rule_would(place: Workplace) -> None:
    """The options of an output make the very file that its keys make of a picture in an inbox."""
    keys = {"kind": "flat", "size": "60x50", "crop": "subject", "margin": "5%", "quality": 80}
    output = {**keys, "format": "webp", "background": "teal"}
    place.configure({"name": "all", "model": "u2netp", "outputs": [output]})
    path = place.put("a.jpg")
    assert place.run("once", "-c", place.config).returncode == 0
    made = (place.outbox / "a-flat.webp").read_bytes()
    options = (*FLAT, "--quality", "80", "--background", "teal", *U2NETP)
    assert place.run("cut", path, "-o", "named.webp", *options).returncode == 0
    assert (place.folder / "named.webp").read_bytes() == made
    assert place.run("cut", path, "-o", "here", "--format", "webp", *options).returncode == 0
    assert (place.folder / "here" / "a-flat.webp").read_bytes() == made
    ruled = place.pipe("cut", "-", "-c", place.config, "--rule", "all", sent=path.read_bytes())
    assert ruled.stdout == made
    beside = place.run("cut", path, "-c", place.config, "--rule", "all", "--size", "60")
    assert beside.returncode == 2
    assert "--size does not go with --rule; the rule says it" in beside.stderr


@pytest.mark.full
def test_what_is_said(place: Workplace) -> None:
    """What fails sends nothing; a verdict is said on standard error, and the picture comes."""
    bad = place.pipe("cut", "-", *U2NETP, sent=b"no picture")
    assert (bad.returncode, bad.stdout) == (1, b"")
    assert bad.stderr.startswith(b"scissorsd: standard input: not a picture that can be read")
    nothing = place.pipe("cut", "-", *U2NETP, sent=emptiness())
    assert nothing.returncode == 0
    assert nothing.stdout.startswith(b"\x89PNG")
    assert nothing.stderr.startswith(b"scissorsd: standard input: ")
    assert place.files(place.inbox) == []


@pytest.mark.full
def test_a_terminal_is_refused(place: Workplace) -> None:
    """No picture is asked of a terminal, nor written to one."""
    path = str(place.put("a.jpg"))
    for words, why in (
        (("-",), "which is a terminal"),
        ((path, "-o", "-"), "output is a terminal"),
    ):
        with on_terminal(place, "cut", *words, *U2NETP) as seen:
            assert seen.ended() == 2
            assert why in " ".join(seen.text.split())


@pytest.mark.full
def test_nobody_reads(place: Workplace) -> None:
    """A reader that has ended ends it without a word; a full disk is told of."""
    path = place.put("a.jpg")
    command = place._command(("cut", path, "-o", "-", *U2NETP))
    reader, writer = os.pipe()
    os.close(reader)
    full = os.open("/dev/full", os.O_WRONLY)
    answers = [
        subprocess.run(
            command, stdout=out, stderr=subprocess.PIPE, env=place._environment, check=False
        )
        for out in (writer, full)
    ]
    os.close(writer)
    os.close(full)
    assert (answers[0].returncode, answers[0].stderr) == (128 + signal.SIGPIPE, b"")
    assert answers[1].returncode == 1
    assert b"standard output could not be written: No space left on device" in answers[1].stderr


@pytest.mark.full
def test_nothing_is_written_over(place: Workplace) -> None:
    """Not even by --overwrite the file that standard input comes from."""
    path = place.folder / "a.png"
    path.write_bytes(picture("a.png"))
    with path.open("rb") as stream:
        answer = subprocess.run(
            place._command(("cut", "-", "-o", path, "--overwrite", *U2NETP)),
            stdin=stream,
            capture_output=True,
            env=place._environment,
            check=False,
        )
    assert answer.returncode == 1
    assert b"is a picture that is to be cut" in answer.stderr
    assert path.read_bytes() == picture("a.png")
