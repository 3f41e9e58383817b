"""Whatever is broken beside the pixels of a picture is left behind, and never costs the picture."""

import io
import random
import re
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from drawn_profiles import WHITE, lab_of, rgb_profile, shown, xyz
from drawn_profiles import drawn as drawn_profile
from numpy.typing import NDArray
from PIL import ExifTags, Image, PngImagePlugin

from scissorsd.core import jpeg_segments, png_chunks
from scissorsd.core.formats import Format
from scissorsd.core.rules import Output
from scissorsd.errors import CorruptPictureError, PictureError
from scissorsd.pictures import reading
from scissorsd.pictures.encoding import encode
from scissorsd.pictures.metadata import Metadata
from scissorsd.pictures.picture import Picture

pillow_heif.register_heif_opener()  # for writing

BASE = ExifTags.Base
MEGABYTE = 1 << 20
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF/></x:xmpmeta>'
LONG_XMP = XMP.replace(b"<rdf:RDF/>", b"<rdf:li>xmp.did:0123456789</rdf:li>" * 40_000)
READERS = {"pngcheck": ["pngcheck", "-q"], "ImageMagick": ["identify"]}


def drawn() -> Image.Image:
    """Draw patches of colour."""
    patches = np.random.default_rng(3).integers(0, 255, (4, 5, 3), np.uint8)
    return Image.fromarray(patches.repeat(8, axis=0).repeat(8, axis=1))


def exif() -> Image.Exif:
    """Draw EXIF as a camera writes it."""
    tags = Image.Exif()
    tags[BASE.Make] = "Drawn"
    tags[BASE.XResolution] = tags[BASE.YResolution] = 300.0
    tags[ExifTags.IFD.Exif] = {BASE.ExposureTime: 0.01, BASE.DateTimeOriginal: "2026:01:01 00:00"}
    tags[ExifTags.IFD.GPSInfo] = {1: "N", 2: (1.0, 2.0, 3.0)}
    loaded = Image.Exif()
    loaded.load(tags.tobytes())
    return loaded


def encoded(name: str, **options: object) -> bytes:
    """Encode the picture with Pillow."""
    buffer = io.BytesIO()
    drawn().save(buffer, name, **options)
    return buffer.getvalue()


def read(data: bytes) -> Picture:
    """Read a picture that no limit matters to."""
    return reading.read(data, max_pixels=1_000_000)


def chunk(kind: bytes, content: bytes, *, broken: bool = False) -> bytes:
    """Draw a PNG's chunk; `broken` with a check that is not its own."""
    check = zlib.crc32(kind + content) ^ broken
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def png(*more: bytes, behind: bytes = b"") -> bytes:
    """Draw a PNG with more chunks before its pixels, and behind them."""
    plain = encoded("PNG")
    return plain[:33] + b"".join(more) + plain[33:-12] + behind + plain[-12:]


def segment(marker: int, content: bytes) -> bytes:
    """Draw a JPEG's segment."""
    return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content


@cache
def large_profile() -> bytes:
    """Draw a profile of Adobe RGB with 1.4 MB of a scanner's private notes."""
    plain = rgb_profile("Adobe")
    (count,) = struct.unpack_from(">I", plain, 128)
    noise = np.random.default_rng(1).bytes(1_400_000)
    entries = [struct.unpack_from(">4sII", plain, 132 + 12 * number) for number in range(count)]
    moved = [(kind, at + 12, length) for kind, at, length in entries]
    moved.append((b"priv", len(plain) + 12, len(noise)))
    index = b"".join(struct.pack(">4sII", *entry) for entry in moved)
    body = plain[4:128] + struct.pack(">I", count + 1) + index + plain[132 + 12 * count :] + noise
    return struct.pack(">I", 4 + len(body)) + body


@cache
def table_profile() -> bytes:
    """Draw a profile whose colours themselves take more than a megabyte: a table of P3's."""
    points = 58
    steps = np.linspace(0, 1, points)
    values = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    lab = lab_of(values, "P3") * (652.8, 256, 256) + (0, 32768, 32768)
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    straight = struct.pack(">2H", 0, 65535) * 3
    head = b"mft2" + bytes(4) + bytes((3, 3, points, 0)) + identity + struct.pack(">2H", 2, 2)
    grid = np.rint(lab).clip(0, 65535).astype(">u2").tobytes()
    profile = drawn_profile(
        b"RGB ", {b"wtpt": xyz(WHITE), b"A2B0": head + straight + grid + straight}
    )
    return profile[:20] + b"Lab " + profile[24:]


# --- PNG -------------------------------------------------------------------------------------


def packed(name: bytes, content: bytes, method: int = 0) -> bytes:
    """Return name, method and compressed content, as iCCP and zTXt have them."""
    return name + bytes((0, method)) + zlib.compress(content)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (png(chunk(b"tEXt", b"Software\0scanner", broken=True)), "tEXt chunk is damaged"),
        (png(chunk(b"pHYs", struct.pack(">IIB", 11811, 11811, 1), broken=True)), "pHYs"),
        (png(chunk(b"pHYs", b"\0\0")), "pHYs"),
        (png(chunk(b"gAMA", b"\0")), "gAMA"),
        (png(chunk(b"cHRM", b"")), "cHRM"),
        (png(chunk(b"sRGB", b"")), "sRGB"),
        (png(chunk(b"cICP", b"\x0c")), "cICP"),
        (png(chunk(b"tIME", bytes(7), broken=True)), "tIME"),
        (png(chunk(b"prVt", b"anything", broken=True)), "prVt"),
        (png(chunk(b"eXIf", b"anything", broken=True)), "eXIf"),
        (png(chunk(b"iCCP", packed(b"ICC", rgb_profile("P3")), broken=True)), "iCCP"),
        (png(chunk(b"iCCP", packed(b"ICC", rgb_profile("P3"), 1))), "iCCP"),
        (png(chunk(b"iCCP", packed(b"ICC", rgb_profile("P3"))[:-9])), "iCCP"),
        (png(chunk(b"iCCP", b"")), "iCCP"),
        (png(chunk(b"iCCP", b"no end")), "iCCP"),
        (png(chunk(b"iCCP", packed(b"ICC", b"no profile"))), "colour profile is damaged"),
        (png(chunk(b"zTXt", packed(b"workflow", b'{"node":1},' * 200_000))), "zTXt"),
        (png(chunk(b"zTXt", b"a\0\1b")), "zTXt"),
        (png(chunk(b"zTXt", b"a\0\0not packed")), "zTXt"),
        (png(chunk(b"tEXt", b"a\0" + b"x" * 2 * MEGABYTE)), "tEXt chunk is too large"),
        (png(chunk(b"iTXt", b"a")), "iTXt"),
        (png(chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(2 * MEGABYTE)))), "iTXt"),
        (png(*(chunk(b"tEXt", b"a\0" + b"x" * MEGABYTE)[:0] for _ in range(2))), ""),
        (png(chunk(b"acTL", b"\0"), chunk(b"fcTL", b"\0")), ""),
        (png(behind=chunk(b"tEXt", b"a\0b", broken=True)), "tEXt"),
        (png(behind=chunk(b"zTXt", packed(b"a", bytes(3 * MEGABYTE)))), "zTXt"),
    ],
)
def test_a_png_with_odd_chunks_is_read(data: bytes, said: str) -> None:
    """Its pixels come out exactly, and what was broken is named."""
    picture = read(data)
    assert (picture.rgb == np.asarray(drawn())).all()
    assert picture.metadata.icc is None
    assert said in " ".join(picture.metadata.remarks)
    assert bool(said) == bool(picture.metadata.remarks)
    reading.read_header(data, max_pixels=1_000_000)


def test_a_png_with_very_many_texts_is_read() -> None:
    """Seventy megabytes of notes, which decoders refuse, do not cost the picture."""
    note = chunk(b"tEXt", b"a\0" + b"x" * (MEGABYTE - 2))
    picture = read(png(*(note,) * 70))
    assert (picture.rgb == np.asarray(drawn())).all()
    assert "too many" in " ".join(picture.metadata.remarks)


@pytest.mark.parametrize("is_packed", [True, False])
def test_a_large_xmp_packet_is_kept(*, is_packed: bool) -> None:
    """Photoshop's list of ancestors, 1.4 MB, is read, written again, and read by Pillow."""
    text = zlib.compress(LONG_XMP) if is_packed else LONG_XMP
    picture = read(png(chunk(b"iTXt", b"XML:com.adobe.xmp\0" + bytes((is_packed, 0, 0, 0)) + text)))
    assert picture.metadata.xmp == LONG_XMP
    assert picture.metadata.remarks == ()
    written = encode(picture.rgb, Output(format="png", metadata="keep"), picture.metadata)
    with Image.open(io.BytesIO(written)) as image:
        image.load()
        assert image.info["xmp"] == LONG_XMP


@pytest.mark.parametrize("source", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_a_large_profile_is_read_and_written_smaller(source: str) -> None:
    """Colours seen through a profile of 1.4 MB are those seen through the one that is written."""
    if source == "PNG":
        data = png(chunk(b"iCCP", packed(b"LUT", large_profile())))
    else:
        options = {"lossless": True} if source == "WEBP" else {}
        data = encoded(source, icc_profile=large_profile(), **options)
    picture = read(data)
    assert picture.metadata.icc is not None
    assert len(picture.metadata.icc) < 2000
    assert picture.metadata.remarks == ()
    written = encode(picture.rgb, Output(format="png"), picture.metadata)
    before = Image.fromarray(picture.rgb)
    before.info["icc_profile"] = large_profile()
    with Image.open(io.BytesIO(written)) as image:
        assert np.abs(shown(image) - shown(before)).max() <= 1


def test_colours_of_a_profile_that_stays_large_become_srgb() -> None:
    """Where the colours themselves take megabytes, they are brought through them to sRGB."""
    picture = reading.read(
        encoded("JPEG", quality=95, icc_profile=table_profile()), max_pixels=1_000_000, deep=True
    )
    assert picture.metadata.icc is None
    plain = read(encoded("JPEG", quality=95))
    before = Image.fromarray(plain.rgb)
    before.info["icc_profile"] = table_profile()
    off = np.abs(picture.rgb - shown(before))
    assert off.max() <= 8
    assert off.mean() < 0.5


def test_a_sound_file_is_not_copied() -> None:
    """Where nothing is wrong, decoders get the very bytes that were read."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "drawn")
    data = encoded("PNG", pnginfo=info, icc_profile=rgb_profile("P3"), exif=exif(), dpi=(300, 300))
    assert png_chunks.sound(data) is data
    jpeg = encoded("JPEG", exif=exif(), icc_profile=rgb_profile("P3"), xmp=XMP, comment=b"hello")
    assert jpeg_segments.sound(jpeg) is jpeg


@pytest.mark.parametrize("kind", [b"IHDR", b"tRNS"])
def test_what_the_pixels_need_stays_an_error(kind: bytes) -> None:
    """A chunk that is a part of the picture is not left out: the picture is damaged."""
    data = png(chunk(b"tRNS", bytes(6)))
    at = data.index(kind) + 4
    length = int.from_bytes(data[at - 8 : at - 4], "big")
    broken = data[: at + length] + b"\1\2\3\4" + data[at + length + 4 :]
    with pytest.raises(CorruptPictureError):
        read(broken)


# --- JPEG ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "whole",
    [
        (0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
        (0xE1, b"Exif\0\0II*\0\x08\0\0\0\1\0\x0f\1\2\0\4\0\0\0abc\0"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
        (0xE2, b"ICC_PROFILE\0\1\1" + rgb_profile("P3")[:30]),
        (0xE2, b"ICC_PROFILE\0\1\3" + rgb_profile("P3")[:30]),
        (0xE2, b"MPF\0II*\0\x08\0\0\0\1\0\0\xb0\7\0\4\0\0\x000100"),
        (0xED, b"Photoshop 3.0\x008BIM\x03\xed\0\0\0\0\0\x10\1\x2c\0\0\0\1\0\1\1\x2c\0\0\0\1\0\1"),
        (0xED, b"Photoshop 3.0\x008BIM\x04\4\x07a name\0\0\0\4abcd8BIM\x04\4\0\0\0\0\xff\xff"),
        (0xEE, b"Adobe\0\x64\0\0\0\0\1"),
    ],
)
def test_a_jpeg_with_segments_cut_short_is_read(whole: tuple[int, bytes]) -> None:
    """Each kind of segment may end anywhere; the samples come out as without it."""
    marker, content = whole
    data = encoded("JPEG", quality=95)
    there = read(data).rgb
    for end in range(len(content) + 1):
        picture = read(data[:2] + segment(marker, content[:end]) + data[2:])
        assert (picture.rgb == there).all()
        has_profile = content[:end].startswith(b"ICC_PROFILE\0")
        assert ("colour profile" in " ".join(picture.metadata.remarks)) == has_profile


# --- every format ----------------------------------------------------------------------------


def of_jpeg(data: bytes) -> Iterator[range]:
    """Find what lies in the segments of applications."""
    at = 2
    while data[at + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", data, at + 2)
        if data[at + 1] >= 0xE0:
            yield range(at + 4, at + 2 + length)
        at += 2 + length


def of_png(data: bytes) -> Iterator[range]:
    """Find what lies in ancillary chunks, and their checks."""
    return (
        range(part.begin, part.end + 4) for part in png_chunks.chunks(data) if part.kind[0] & 32
    )


def of_webp(data: bytes) -> Iterator[range]:
    """Find what lies in the chunks of profile, EXIF and XMP."""
    at = 12
    while at < len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind in (b"ICCP", b"EXIF", b"XMP "):
            yield range(at + 8, at + 8 + length)
        at += 8 + length + length % 2


def of_tiff(data: bytes) -> Iterator[range]:
    """Find the entries that are not of the samples (but for their tags), and what they point to."""
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, number, offset = struct.unpack_from("<HHII", data, entry)
        if tag in (282, 283, 296, 305, 700, 33432, 34665, 34675, 34853):
            yield range(entry + 2, entry + 12)
            length = number * {3: 2, 4: 4, 5: 8}.get(kind, 1)
            yield range(offset, offset + length if length > 4 else offset)


def of(*parts: bytes) -> Callable[[bytes], Iterator[range]]:
    """Find these bytes, wherever they lie."""

    def found(data: bytes) -> Iterator[range]:
        for part in parts:
            at = data.index(part)
            yield range(at, at + len(part))

    return found


def text() -> PngImagePlugin.PngInfo:
    """Draw all sorts of a PNG's chunks."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "drawn")
    info.add_text("packed", "x" * 500, zip=True)
    info.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
    info.add(b"gAMA", struct.pack(">I", 45455))
    info.add(b"tIME", bytes(7))
    return info


PROFILE, EXIF = rgb_profile("Adobe"), exif().tobytes()
WITH_ALL: dict[str, object] = {"icc_profile": PROFILE, "exif": EXIF, "xmp": XMP}
DAMAGED: dict[str, tuple[dict[str, object], Callable[[bytes], Iterator[range]]]] = {
    "JPEG": ({**WITH_ALL, "comment": b"hello", "dpi": (300, 300)}, of_jpeg),
    "PNG": ({"icc_profile": PROFILE, "exif": EXIF, "pnginfo": text(), "dpi": (300, 300)}, of_png),
    "WEBP": ({**WITH_ALL, "lossless": True}, of_webp),
    "TIFF": (
        {"icc_profile": PROFILE, "exif": exif(), "tiffinfo": {700: XMP, 305: "x"}, "dpi": (9, 9)},
        of_tiff,
    ),
    "GIF": ({"comment": b"hello comment"}, of(b"hello comment")),
    "HEIF": (WITH_ALL, of(PROFILE, EXIF[6:], XMP)),
    "AVIF": (WITH_ALL, of(PROFILE, EXIF[6:], XMP)),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_beside_the_pixels_never_costs_them(name: str) -> None:
    """Bytes are changed at random in all that is not pixels: the pixels come out, every time."""
    options, places = DAMAGED[name]
    data = encoded(name, **options)
    there = read(data).rgb
    where = [at for place in places(data) for at in place]
    chance = random.Random(name)  # noqa: S311 - the same damage every time
    for _ in range(120):
        damaged = bytearray(data)
        for at in chance.sample(where, min(len(where), chance.choice((1, 1, 2, 4, 16)))):
            damaged[at] = chance.choice((0, 1, 128, 255, chance.randrange(256)))
        assert (read(bytes(damaged)).rgb == there).all()


@pytest.mark.parametrize("name", [*DAMAGED, "BMP"])
def test_damage_anywhere_is_one_of_our_errors(name: str) -> None:
    """Whatever is changed in a file, it is read, or it is refused in words."""
    data = encoded(name, **DAMAGED[name][0] if name in DAMAGED else {})
    chance = random.Random(name)  # noqa: S311 - as above
    for _ in range(60):
        damaged = bytearray(data)
        for _ in range(chance.choice((1, 2, 8))):
            damaged[chance.randrange(len(data))] = chance.randrange(256)
        try:
            read(bytes(damaged))
        except PictureError as error:
            assert re.search("[a-z]", error.what)  # noqa: PT017 - either way is right


# --- what is written is read by others -------------------------------------------------------

WRITTEN = {
    "a large XMP packet": Metadata(xmp=LONG_XMP),
    "an XMP packet beyond any reader": Metadata(xmp=XMP + b" " * 9_000_000),
    "everything": Metadata(rgb_profile("P3"), (300.0, 300.0), EXIF, XMP),
    "a profile of a scanner": read(png(chunk(b"iCCP", packed(b"LUT", large_profile())))).metadata,
    "a profile with more behind it": read(
        encoded("TIFF", icc_profile=rgb_profile("P3") + bytes(99))
    ).metadata,
}


def pixels(depth: type[np.uint8 | np.uint16]) -> NDArray[np.uint8 | np.uint16]:
    """Draw a cutout."""
    return np.random.default_rng(2).integers(0, 255, (20, 30, 4), np.uint8).astype(depth)


@pytest.mark.parametrize("reader", READERS)
def test_other_readers_find_no_fault_in_a_png(reader: str, tmp_path: Path) -> None:
    """Programs built on libpng read every PNG with what goes with it, without a remark."""
    command = READERS[reader]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{reader} is not installed: nobody else has read what is written here")
    for words, metadata in WRITTEN.items():
        for depth in (np.uint8, np.uint16):
            path = tmp_path / "written.png"
            output = Output(format="png", metadata="keep")
            path.write_bytes(encode(pixels(depth), output, metadata))
            ran = subprocess.run([*command, path], capture_output=True, text=True, check=False)
            assert ran.returncode == 0, words
            assert ran.stderr == "", words


@pytest.mark.parametrize("name", ["png", "webp", "avif", "tiff", "jpeg"])
def test_pillow_opens_all_that_is_written(name: Format) -> None:
    """With its own limits as they are, Pillow opens every format with what goes with it."""
    for metadata in WRITTEN.values():
        cutout = pixels(np.uint8)[..., : 3 if name == "jpeg" else 4]
        written = encode(cutout, Output(format=name, metadata="keep"), metadata)
        with Image.open(io.BytesIO(written)) as image:
            image.load()
            assert image.info.get("icc_profile") == metadata.icc
