"""What goes along where a host does not see the folders: the picture itself, and its outputs back.

Pure, as orders.py is, where it says what an order and an answer are.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

HEAD = 64 << 10  # bytes of a picture by which a host knows that it has the same one
MOST_OUTPUTS = 64 << 20  # bytes of all outputs that may come back with one answer

Way = Literal["paths", "bytes"]  # how a picture comes to a host


@dataclass(frozen=True, slots=True)
class Carried:
    """A picture, and those that it is laid on, as far as a host may lack them."""

    picture: bytes = field(repr=False)
    backgrounds: Mapping[str, bytes] = field(repr=False)  # by their SHA-256


NOTHING = Carried(b"", {})


def head_of(data: bytes) -> str:
    """Return by what a picture's beginning is known; only the first HEAD bytes count."""
    return _digest(data[:HEAD])


def is_what_was_ordered(
    carried: Carried | None, size: int, head: str, backgrounds: Mapping[str, str]
) -> bool:
    """Whether what goes along with an order, if anything does, is what the order says."""
    if carried is None:
        return True
    return (
        len(carried.picture) == size
        and head_of(carried.picture) == head
        and carried.backgrounds.keys() <= set(backgrounds.values())
        and all(
            hashlib.sha256(content).hexdigest() == known
            for known, content in carried.backgrounds.items()
        )
    )


def are_as_told(outputs: Sequence[bytes], told: Sequence[tuple[int, str]]) -> bool:
    """Whether outputs that came back have the sizes and the digests that are told of them."""
    return [len(one) for one in outputs] == [size for size, _ in told] and all(
        _digest(one) == digest for one, (_, digest) in zip(outputs, told, strict=True)
    )


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
