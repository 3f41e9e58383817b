"""A network that is kept open to cut picture after picture, by as many threads as there are."""

import os
import threading
import traceback
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Literal, NoReturn, Self, TypeVar, get_args

import numpy as np

from scissorsd import logs
from scissorsd.api.cutout import Cutout
from scissorsd.api.given import (
    Channels,
    GivenPicture,
    check_channels,
    read_picture,
    short_of_memory,
)
from scissorsd.api.in_order import in_order
from scissorsd.api.options import CustomModel, MaskOptions, Output
from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.core.rules import Edges
from scissorsd.errors import ScissorsError, UsageError
from scissorsd.inference import weights
from scissorsd.inference.providers import PROVIDERS, ProviderName
from scissorsd.inference.sessions import Opening, Sessions
from scissorsd.inference.timings import Speeds
from scissorsd.machine import usable_cpus
from scissorsd.pictures import cutting_out
from scissorsd.pictures.in_memory import from_array
from scissorsd.settings import MAX_PIXELS

Precision = Literal["auto", "full", "fast"]

_USUAL = MaskOptions()
_MOST_WORKERS = 8  # where nobody says how many: each takes a picture's memory
_AHEAD = 2  # pictures that are out already, or wait, while an earlier one is still being cut
_Picture = TypeVar("_Picture", bound=GivenPicture)


class Cutter:
    """A network that is kept open, to cut picture after picture; any thread may use it.

    `model` is a name in the catalogue, or a CustomModel. `second_opinion` is another one, which is
    asked about a picture of which the first is unsure; the surer one's mask is kept, and where the
    two disagree it is doubtful. `providers` are tried in order, the CPU
    last; `auto` is cuda, openvino, cpu. `models` is the folder of the model files (None:
    $U2NET_HOME, else ~/.u2net), where what is missing is fetched. `threads` None: all CPUs that
    the process may use. `precision`: as in the configuration.

    The network is opened at the first need, or by `warm_up`, in the process that needs it. As a
    context manager it is closed at the end of the block. Several may be open at once, each with a
    network of its own. Whatever fails is a ScissorsError: UsageError for arguments that cannot be
    and after `close`, WeightsError when the weights cannot be had, SessionError when no provider
    opens them. Settings that are the whole process's (Pillow's, warnings, logging, structlog, the
    environment) stay as they are.
    """

    def __init__(
        self,
        model: str | CustomModel = "u2net",
        *,
        second_opinion: str | CustomModel | None = None,
        providers: Literal["auto"] | ProviderName | Sequence[ProviderName] = "auto",
        models: str | PathLike[str] | None = None,
        threads: int | None = None,
        precision: Precision = "auto",
    ) -> None:
        self._model = _described(model)
        self._other = None if second_opinion is None else _described(second_opinion)
        if self._other is not None and self._other.name == self._model.name:
            raise UsageError(
                f"model and second_opinion are both called {self._model.name!r}",
                "Name another network. One of your own is called as its file is.",
            )
        networks = filter(None, (self._model, self._other))
        _one_of("precision", precision, get_args(Precision))
        folder = weights.default_folder() if models is None else Path(models)
        self._sessions = Sessions(
            models={network.name: network for network in networks},
            folder=folder,
            providers=_in_order_asked(providers),
            precision=precision,
            threads=_at_least_one("threads", threads),
            speeds=Speeds((folder,)),  # as daemons found them
            find_out=False,  # nothing is tried in the program of somebody else
            log=logs.of_a_library(),
        )
        self._changed = threading.Condition()
        self._process = 0  # in which the network was opened; 0: in none yet
        self._in_hand = 0  # calls that are cutting
        self._pools = set[ThreadPoolExecutor]()  # of `cut_many`
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Cutter cannot be pickled or copied: its network lies in the memory of this process. "
            "Make one in each process, and send pictures and cutouts."
        )

    def warm_up(self) -> Opening:
        """Open the network and run it once, so that the first picture need not wait for that.

        Returns what came of each provider: `provider` and `precision` that it runs on, `refused`
        with the others' reasons. Raises WeightsError and SessionError.
        """
        with self._at_work():
            grey = from_array(np.full((8, 8, 3), 128, np.uint8), MAX_PIXELS)
            cutting_out.find_subject(
                grey, self._model, self._sessions, _USUAL.parsed, other=self._other
            )
            return self._sessions.open(self._model.name)

    def cut(
        self, picture: GivenPicture, *, mask: MaskOptions = _USUAL, channels: Channels = "rgb"
    ) -> Cutout:
        """Cut the background out of a picture.

        `picture` is a path, the bytes of a file, a file that is open for bytes (read to its end),
        a Pillow image, or an array: uint8, height × width × 3 or × 4 (with alpha), or height ×
        width (grey, also uint16). `channels` is the order of an array's colours: `bgr` is
        OpenCV's. Of a Pillow image of mode `I` or `F`, `pictures.in_memory.from_pillow` says what
        it holds.

        Raises PictureError when the picture cannot be read, is larger than 250 megapixels or than
        the memory there is; UsageError, WeightsError and SessionError as the class says, and
        HoldError when the network is short of memory. A picture that is also over Pillow's own
        limit, which is the host's, may be refused by that.
        """
        _check(mask, channels)
        with self._at_work():
            return self._cut(picture, mask, channels, ())

    def cut_many(
        self,
        pictures: Iterable[_Picture],
        *,
        mask: MaskOptions = _USUAL,
        outputs: Sequence[Output] = (),
        channels: Channels = "rgb",
        workers: int | None = None,
    ) -> Generator[tuple[_Picture, Cutout | ScissorsError], None, None]:
        """Cut many pictures; yield each, in their order, with its cutout or with its error.

        Reading, the network and encoding overlap: each of `workers` threads (None: one for each
        CPU, from 2 to 8) has a picture in hand, which is rendered to `outputs` there, so that
        `render` has them at once. `pictures` may be endless: it is asked for the next in the
        thread that takes the results, and no more than `workers` + 2 are taken and not yet
        yielded. A file or Pillow image among them belongs to the threads until it is yielded.

        What is wrong with one picture is yielded, a ScissorsError; what `pictures` raises is
        raised in its turn, and so are WeightsError and SessionError when the network cannot be
        opened at all. When the generator ends or is closed, pictures in hand are finished, those
        that wait are not begun, and no thread is left.
        """
        _check(mask, channels)
        self._refuse()
        for output in outputs:
            if not isinstance(output, Output):
                raise UsageError(f"an output is a scissorsd.Output, not {type(output).__name__}")
        if isinstance(pictures, str | bytes | bytearray | PathLike):
            raise UsageError("cut_many takes several pictures", "For one there is cut().")
        count = _at_least_one("workers", workers) or min(max(2, usable_cpus()), _MOST_WORKERS)
        return self._cut_many(pictures, mask, channels, tuple(outputs), count)

    def close(self) -> None:
        """Let go of the network, and wait for pictures in hand, which come out as ever.

        A call that comes later, and a `cut_many` that is under way, raise UsageError. To close it
        twice does nothing; so does closing it in a process that was forked from the one it is
        open in.
        """
        if self._is_elsewhere():
            return
        with self._changed:
            self._is_closed = True
            pools = list(self._pools)
        for pool in pools:
            pool.shutdown(cancel_futures=True)
        with self._changed:
            self._changed.wait_for(lambda: not self._in_hand)
        self._sessions.close()

    def _cut(
        self,
        given: GivenPicture,
        mask: MaskOptions,
        channels: Channels,
        outputs: tuple[Output, ...],
    ) -> Cutout:
        with short_of_memory():
            picture = read_picture(given, channels)
            cut = cutting_out.find_subject(
                picture, self._model, self._sessions, mask.parsed, other=self._other
            )
            return Cutout(picture, cut, outputs)

    def _cut_many(
        self,
        pictures: Iterable[_Picture],
        mask: MaskOptions,
        channels: Channels,
        outputs: tuple[Output, ...],
        workers: int,
    ) -> Generator[tuple[_Picture, Cutout | ScissorsError], None, None]:
        def work(given: _Picture) -> Cutout | ScissorsError:
            with self._at_work():
                try:
                    return self._cut(given, mask, channels, outputs)
                except ScissorsError as error:
                    return _without_pixels(error)

        def submit(given: _Picture) -> Future[Cutout | ScissorsError]:
            return pool.submit(work, given)

        with self._at_work():
            self._sessions.open(self._model.name)
        pool = ThreadPoolExecutor(workers, "scissorsd-cut")
        with self._changed:
            self._pools.add(pool)
        try:
            yield from in_order(pictures, submit, most=workers + _AHEAD, check=self._refuse)
        except (CancelledError, RuntimeError):  # by `close`, before it was begun
            self._refuse()
            raise
        finally:
            if not self._is_elsewhere():
                pool.shutdown(cancel_futures=True)
                with self._changed:
                    self._pools.discard(pool)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Keep the network open, in this process, until the end of the `with` block."""
        self._refuse()
        with self._changed:
            self._refuse()  # which may have been closed just now
            self._process = os.getpid()
            self._in_hand += 1
        try:
            yield
        finally:
            with self._changed:
                self._in_hand -= 1
                self._changed.notify_all()

    def _refuse(self) -> None:
        """Raise UsageError where it is closed, or open in another process."""
        if self._is_elsewhere():
            raise UsageError(
                "this Cutter is open in the process from which this one was forked, and its "
                "network's threads are not here",
                "Open it in the process that cuts, or start processes by 'spawn'.",
            )
        if self._is_closed:
            raise UsageError("this Cutter is closed", "Make another one, or close it later.")

    def _is_elsewhere(self) -> bool:
        return self._process not in {0, os.getpid()}


def cut_out(picture: GivenPicture, model: str = "u2net", *, edges: Edges = "auto") -> Cutout:
    """Cut the background out of one picture: the short form of a Cutter's `cut`.

    `picture` may be all that `Cutter.cut` takes; an array is RGB. `model` is a name in the
    catalogue; its weights are fetched on first need, and its network is opened once in the life of
    the process. `edges`: as MaskOptions has it. Raises what Cutter and `cut` raise.
    """
    mask = MaskOptions(edges=edges)
    return _cutter_of(model).cut(picture, mask=mask)


_cutters: dict[tuple[str, int], Cutter] = {}  # by model and process


def _cutter_of(model: str) -> Cutter:
    key = model, os.getpid()
    return _cutters.get(key) or _cutters.setdefault(key, Cutter(model))


def _described(model: str | CustomModel) -> Model:
    if isinstance(model, CustomModel):
        return model.parsed
    if model not in CATALOGUE:
        raise UsageError(f"there is no model {model!r}; known are: {', '.join(CATALOGUE)}")
    return CATALOGUE[model]


def _in_order_asked(providers: str | Sequence[str]) -> Sequence[str] | Literal["auto"]:
    names = [providers] if isinstance(providers, str) else list(providers)
    if not names:
        raise UsageError("providers names none", "Name one, or leave it at 'auto'.")
    if names == ["auto"]:
        return "auto"
    return [_one_of("provider", name, PROVIDERS) for name in names]


def _one_of(name: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise UsageError(f"there is no {name} {value!r}; known are: {', '.join(known)}")
    return value


def _at_least_one(name: str, value: int | None) -> int | None:
    if value is not None and (not isinstance(value, int) or value < 1):
        raise UsageError(f"{name}={value!r} is neither None nor a number from 1 on")
    return value


def _check(mask: MaskOptions, channels: Channels) -> None:
    if not isinstance(mask, MaskOptions):
        raise UsageError(f"a mask is a scissorsd.MaskOptions, not {type(mask).__name__}")
    check_channels(channels)


def _without_pixels(error: ScissorsError) -> ScissorsError:
    """Return an error that may be kept: what was in hand when it came is let go of."""
    cause: BaseException | None = error
    while cause is not None:
        traceback.clear_frames(cause.__traceback__)
        cause = cause.__cause__ or cause.__context__
    return error
