"""The write-ahead log of an SQLite file: whether it is damaged.

SQLite itself takes the log up to the first frame that does not verify, and silently forgets what
follows. After a power cut that is right for the transaction that was being written. More than one
lost transaction is damage, since each was synced before the next began.

The format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
"""

import struct
from pathlib import Path

_HEADER = struct.Struct(">8I")  # magic, version, page size, checkpoints, two salts, two sums
_FRAME = struct.Struct(">6I")  # page, pages of the file after a commit (else 0), salts, sums
_MAGIC = 0x377F0682  # its last bit says in which order the bytes of a word are summed
_MASK = 0xFFFFFFFF


def is_damaged(path: Path) -> bool:
    """Whether transactions that were once synced to this log can no longer be read from it."""
    data = path.read_bytes() if path.exists() else b""
    if len(data) <= _HEADER.size:
        return False
    magic, _, page_size, _, *salts, sum_1, sum_2 = _HEADER.unpack_from(data)
    order = ">" if magic & 1 else "<"
    sums = _summed(data[: _HEADER.size - 8], (0, 0), order)
    if magic & ~1 != _MAGIC or sums != (sum_1, sum_2):
        return True
    verified = True
    lost = 0  # commits after the first frame that does not verify
    step = _FRAME.size + page_size
    for start in range(_HEADER.size, len(data) - step + 1, step):
        _, commit, *frame_salts, sum_1, sum_2 = _FRAME.unpack_from(data, start)
        if frame_salts != salts:  # of an earlier round, before the log was last begun anew
            verified = False
            continue
        if verified:
            sums = _summed(data[start : start + 8], sums, order)
            sums = _summed(data[start + _FRAME.size : start + step], sums, order)
            verified = sums == (sum_1, sum_2)
        lost += commit > 0 and not verified
    return lost > 1


def _summed(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    """Go on with the log's running checksum over some whole pairs of 32-bit words."""
    first, second = sums
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for word, following in zip(words, words, strict=True):
        first = (first + word + second) & _MASK
        second = (second + following + first) & _MASK
    return first, second
