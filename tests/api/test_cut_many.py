"""Many pictures, one after the other out, several at once in hand."""

import gc
import io
import itertools
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from places import LIMIT, Gate, ball, dark_cutter, encoded, threads_left

from scissorsd import (
    CustomModel,
    Cutout,
    Cutter,
    MaskOptions,
    Output,
    OverLimitsError,
    ScissorsError,
    UsageError,
    WeightsError,
)

WORKERS = 3
AHEAD = WORKERS + 2  # taken and not yet yielded, at most


@pytest.fixture
def cutter(tmp_path: Path) -> Iterator[Cutter]:
    """Keep a network open that takes no time; in the end no thread is left."""
    with dark_cutter(tmp_path) as cutter:
        yield cutter
    assert threads_left() == []


def test_in_order_with_errors_in_their_place(cutter: Cutter, tmp_path: Path) -> None:
    """Each picture is yielded in its turn, with its cutout, or with the error that it met."""
    ball(64).save(tmp_path / "a.png")
    given: list[Any] = [
        *(tmp_path / "a.png", tmp_path / "missing.png", encoded(ball(300, 200)), b"no picture"),
        *(ball(80), io.BytesIO(encoded(ball(72))), np.array(ball(88)), None),
        str(tmp_path / "a.png"),
    ]
    results = list(cutter.cut_many(given, workers=WORKERS))
    assert all(one is theirs for (one, _), theirs in zip(results, given, strict=True))
    widths = [
        outcome.image.width if isinstance(outcome, Cutout) else type(outcome).__name__
        for _, outcome in results
    ]
    assert widths == [
        *(64, "PictureError", 300, "UnsupportedPictureError"),
        *(80, 72, 88, "UsageError", 64),
    ]
    assert "missing.png cannot be read" in str(results[1][1])


def test_it_makes_what_cut_makes(cutter: Cutter) -> None:
    """Mask, channels and outputs are those of `cut` and `render`; an output made ahead is kept."""
    array = np.array(ball())[..., ::-1]
    mask, webp, flat = MaskOptions(grow=3), Output(format="webp"), Output(kind="flat", size=40)
    ((_, outcome),) = cutter.cut_many([array], mask=mask, outputs=[webp, flat], channels="bgr")
    assert isinstance(outcome, Cutout)
    alone = cutter.cut(array, mask=mask, channels="bgr")
    for output in (webp, flat, Output()):
        assert outcome.render(output) == alone.render(output)
    assert outcome.render(Output(format="webp")) is outcome.render(webp)


def test_an_output_that_cannot_be_is_that_pictures_error(cutter: Cutter) -> None:
    """Where an output cannot be made of one picture, the others come out."""
    long = ball(17_000, 16)
    given = [ball(), long, ball()]
    outcomes = [one for _, one in cutter.cut_many(given, outputs=[Output(format="webp")])]
    assert [type(one) for one in outcomes] == [Cutout, OverLimitsError, Cutout]


def test_pictures_are_in_hand_at_once(cutter: Cutter) -> None:
    """While one is being read another is: they meet, which one after the other never would."""
    meeting = threading.Barrier(2)

    class Meets(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            meeting.wait(LIMIT)
            return super().read(size)

    given = [Meets(encoded(ball())) for _ in range(4)]
    outcomes = [outcome for _, outcome in cutter.cut_many(given, workers=2)]
    assert all(isinstance(outcome, Cutout) for outcome in outcomes)


def test_no_more_than_a_few_are_taken(cutter: Cutter) -> None:
    """However many there are, few are taken and not yet yielded, also behind one that is slow."""
    gate = Gate(encoded(ball()))
    taken = itertools.count()
    count = 0

    def pictures() -> Iterator[bytes | Gate]:
        nonlocal count
        yield gate
        for count in taken:
            if count == AHEAD - 2:  # the last that may be taken while the first is not out
                gate.opened.set()
            yield encoded(ball())

    many = cutter.cut_many(pictures(), workers=WORKERS)
    for yielded in range(1, 40):
        next(many)
        assert count + 2 <= yielded + AHEAD
    many.close()
    assert threads_left() == []


def test_what_was_yielded_is_let_go_of(cutter: Cutter) -> None:
    """A cutout that its taker drops is gone, while the rest is still to come."""
    many = cutter.cut_many([encoded(ball()) for _ in range(6)], workers=1)
    _, outcome = next(many)
    assert isinstance(outcome, Cutout)
    dropped = weakref.ref(outcome)
    del outcome, _
    gc.collect()
    assert dropped() is None
    assert len(list(many)) == 5


def test_an_error_holds_no_pixels(cutter: Cutter) -> None:
    """An error that is kept, for a list of what failed, keeps nothing of its picture in memory."""
    ((_, error),) = cutter.cut_many([ball(17_000, 16)], outputs=[Output(format="webp")])
    assert isinstance(error, OverLimitsError)
    trace = error.__traceback__
    assert trace is not None
    held: list[object] = []
    while trace is not None:
        held += trace.tb_frame.f_locals.values()
        trace = trace.tb_next
    assert [one for one in held if isinstance(one, np.ndarray)] == []


def test_closed_early(cutter: Cutter) -> None:
    """A generator that is closed early begins nothing more and leaves no thread."""
    begun: list[int] = []

    class Noted(io.BytesIO):
        def __init__(self, number: int) -> None:
            super().__init__(encoded(ball()))
            self.number = number

        def read(self, size: int | None = -1, /) -> bytes:
            begun.append(self.number)
            return super().read(size)

    many = cutter.cut_many((Noted(number) for number in itertools.count()), workers=WORKERS)
    next(many)
    many.close()
    assert threads_left() == []
    assert len(begun) <= AHEAD + 1
    assert cutter.cut(ball()).verdict == "ok"


def test_the_taker_fails(tmp_path: Path) -> None:
    """Where whoever takes the results fails, no thread is left, even if the generator is kept."""
    with pytest.raises(ZeroDivisionError) as caught, dark_cutter(tmp_path) as cutter:  # noqa: PT012
        many = cutter.cut_many(itertools.repeat(encoded(ball())))
        for _ in many:
            raise ZeroDivisionError
    assert threads_left() == []
    with pytest.raises(UsageError, match="this Cutter is closed"):
        next(many)
    assert caught.value


def test_closing_the_cutter_meanwhile(cutter: Cutter) -> None:
    """Of a Cutter that is closed, `cut_many` finishes what is in hand and then says why it ends."""
    gate = Gate(encoded(ball()))
    pictures: Iterator[Any] = itertools.chain([gate], itertools.repeat(encoded(ball())))
    many = cutter.cut_many(pictures, workers=2)
    said: list[str] = []

    def take() -> None:
        try:
            for _, outcome in many:
                said.append(outcome.verdict if isinstance(outcome, Cutout) else "")
        except UsageError as error:
            said.append(error.what)

    taker = threading.Thread(target=take)
    taker.start()
    assert gate.entered.wait(LIMIT)
    closer = threading.Thread(target=cutter.close)
    closer.start()
    gate.opened.set()
    closer.join(LIMIT)
    taker.join(LIMIT)
    assert not taker.is_alive()
    assert said[-1] == "this Cutter is closed"
    assert set(said[:-1]) <= {"ok"}
    assert threads_left() == []


def test_what_the_pictures_raise(cutter: Cutter) -> None:
    """What the iterable raises is raised after the results of all that came before it."""

    def pictures() -> Iterator[bytes]:
        yield encoded(ball())
        yield b"no picture"
        raise LookupError("no more")

    seen: list[Cutout | ScissorsError] = []
    with pytest.raises(LookupError, match="no more"):
        seen.extend(outcome for _, outcome in cutter.cut_many(pictures()))
    assert [isinstance(outcome, Cutout) for outcome in seen] == [True, False]


def test_a_network_that_cannot_be_opened(tmp_path: Path) -> None:
    """What is wrong with the network is no picture's error: it is raised at the first."""
    with Cutter(CustomModel(file=tmp_path / "none.onnx", sha256="0" * 64)) as cutter:
        many = cutter.cut_many([ball()])
        with pytest.raises(WeightsError):
            next(many)
    assert threads_left() == []


def test_none_at_all(cutter: Cutter) -> None:
    """Of no pictures nothing comes; one picture alone is not taken for many."""
    assert list(cutter.cut_many([])) == []
    for one in ("a.jpg", b"bytes", Path("a.jpg")):
        with pytest.raises(UsageError, match="several pictures"):
            cutter.cut_many(one)  # type: ignore[arg-type, type-var]
    with pytest.raises(UsageError, match="workers=0"):
        cutter.cut_many([ball()], workers=0)


def test_two_at_once(cutter: Cutter) -> None:
    """Two runs of one Cutter go side by side, each in its order."""
    widths = [[60, 64, 68, 72, 76], [80, 84, 88, 92, 96]]
    runs = [cutter.cut_many([encoded(ball(w)) for w in row], workers=2) for row in widths]
    for pair in zip(*runs, strict=True):
        for row, (_, outcome) in zip(widths, pair, strict=True):
            assert isinstance(outcome, Cutout)
            assert outcome.image.width == row.pop(0)


def test_an_unforeseen_fault_is_raised(cutter: Cutter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of the program is no picture's: it is raised, and leaves no thread."""

    def fault(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("scissorsd.api.cutter.cutting_out.find_subject", fault)
    with pytest.raises(ZeroDivisionError):
        list(cutter.cut_many([ball()]))
    assert threads_left() == []
