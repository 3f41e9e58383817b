"""What is remembered of a file that we put into a place, to know it again as our own."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stamp:
    """A file of ours: where it is or is about to be, and what there is to know it by."""

    place: str  # absolute
    digest: bytes  # BLAKE2b of its content, 16 bytes; none of a source that was only renamed
    size: int  # bytes
    mtime_ns: int
    temporary: str = ""  # the name that it has until it is in its place; "" once it is known to be
