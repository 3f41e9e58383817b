"""What came of one picture that was cut."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scissorsd.api.given import short_of_memory
from scissorsd.api.options import Output
from scissorsd.core import cutting
from scissorsd.core.rules import Verdict
from scissorsd.errors import UsageError
from scissorsd.pictures import cutting_out
from scissorsd.pictures.cutting_out import Cut
from scissorsd.pictures.picture import Picture
from scissorsd.settings import MAX_PIXELS

_PNG = Output()
_SHOWN = 1024  # pixels on the longer side of what a notebook shows


class Cutout:
    """A cut picture: its pixels, its mask, what the mask says of itself, and files made of it.

    It needs its Cutter no more, may be used by any thread, and can be pickled. `image` and `mask`
    are made when they are first asked for, and are then the same objects.
    """

    __slots__ = ("__weakref__", "_cut", "_files", "_image", "_mask", "_picture")

    def __init__(self, picture: Picture, cut: Cut, outputs: Sequence[Output] = ()) -> None:
        """Take a picture and its cut; `outputs` are rendered at once."""
        self._picture = picture
        self._cut = cut
        self._image: Image.Image | None = None
        self._mask: NDArray[np.float32] | None = None
        asked = [output.parsed for output in outputs]
        rendered = cutting_out.render_all(picture, cut, asked, max_pixels=MAX_PIXELS)
        self._files = dict(zip(outputs, rendered, strict=True))

    @property
    def image(self) -> Image.Image:
        """The cutout, RGBA, straight alpha, the picture's size, its ICC profile in `info`."""
        if self._image is None:
            with short_of_memory():
                self._image = self._made_image()
        return self._image

    @property
    def mask(self) -> NDArray[np.float32]:
        """How much of each pixel is the subject: height × width, in [0, 1]."""
        if self._mask is None:
            with short_of_memory():
                self._mask = self._cut.mask.astype(np.float32) / np.float32(255)
        return self._mask

    @property
    def verdict(self) -> Verdict:
        """What the mask says of itself: ok, doubtful or no_subject."""
        return self._cut.judgement.verdict

    @property
    def reason(self) -> str:
        """Why the verdict is what it is: a sentence with its numbers."""
        return self._cut.judgement.reason

    @property
    def numbers(self) -> dict[str, float]:
        """The numbers that led to the verdict, by name, each in [0, 1].

        `doubt` is how much of the subject the network is unsure of, `peak` its surest point,
        `subject` the share of the frame that it takes for the subject, `undecided` what it is
        undecided about, `border` how much of the frame's border the subject touches. Where there
        is a second opinion, `agreement` is how far it is the same.
        """
        return dict(self._cut.judgement.numbers)

    @property
    def model(self) -> str:
        """The network whose mask it is; of two, the one that was surer."""
        return self._cut.model

    @property
    def remarks(self) -> tuple[str, ...]:
        """What else is to be said of the picture or of its cutting, a sentence each."""
        return (*self._picture.metadata.remarks, *self._cut.remarks)

    @property
    def provider(self) -> str:
        """Where the network truly ran: cuda, openvino or cpu."""
        return self._cut.provider

    @property
    def precision(self) -> str:
        """What it computed in: full (float32), bf16, int8 or tf32."""
        return self._cut.precision

    def render(self, output: Output = _PNG) -> bytes:
        """Make a file of it, as a rule's output would have it, and return its bytes.

        An output that `cut_many` was asked for is there already. Raises OverLimitsError where the
        format cannot hold so many pixels, PictureError where its encoder fails, HoldError where a
        background picture cannot be read.
        """
        if not isinstance(output, Output):
            raise UsageError(f"an output is a scissorsd.Output, not {type(output).__name__}")
        if output in self._files:
            return self._files[output]
        with short_of_memory():
            return cutting_out.render(
                self._picture, self._cut, output.parsed, max_pixels=MAX_PIXELS
            )

    def __repr__(self) -> str:
        height, width = self._cut.mask.shape
        return f"<Cutout of {width} × {height} pixels: {self.verdict}>"

    def _repr_png_(self) -> bytes:
        """Return what a notebook shows: the cutout, no larger than is looked at there."""
        is_large = max(self._cut.mask.shape) > _SHOWN
        return self.render(Output(size=_SHOWN) if is_large else _PNG)

    def _made_image(self) -> Image.Image:
        picture, mask = self._picture, self._cut.mask
        colours = cutting_out.own_colours(picture, picture.rgb, mask)
        image = Image.fromarray(cutting.cutout(colours, mask))
        if picture.metadata.icc is not None:
            image.info["icc_profile"] = picture.metadata.icc
        return image
