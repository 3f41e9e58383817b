"""What a host has made, by what lies there or came along: as `outcomes.Made`, which the line has.

What came along is staged as what is made here is: by the pipeline, in the names that it then has.
"""

from dataclasses import replace
from pathlib import Path

from scissorsd.core.stamps import Stamp
from scissorsd.daemon.outcomes import Done, Made
from scissorsd.folders import publishing
from scissorsd.folders.scanning import fold_time
from scissorsd.hosts.orders import Answer


def made_of(answer: Answer, outbox: Path) -> Made:
    """Return what an answer that was taken has made; raises HoldError where it is not there so."""
    told = answer.made
    assert told is not None  # noqa: S101 - the caller has looked
    return Made(
        content=bytes.fromhex(told.content),
        facts=told.facts,
        judgement=told.judgement,
        done=Done(
            verdict=told.judgement.verdict,
            numbers=told.judgement.numbers,
            model=told.model,
            asked=told.asked,
            provider=told.provider,
            precision=told.precision,
            width=told.width,
            height=told.height,
            infer_s=told.infer_s,
            remarks=told.remarks,
            host=answer.host,
        ),
        contents=told.data,
        staged=tuple(
            _stamp(outbox / one.path, one.temporary, one.size, one.digest)
            for one in told.staged
            if not told.data
        ),
    )


def _stamp(place: Path, temporary: str, size: int, digest: str) -> Stamp:
    told = Stamp(str(place), bytes.fromhex(digest), size, 0, str(place.with_name(temporary)))
    return replace(told, mtime_ns=fold_time(publishing.check_staged(told).st_mtime_ns))
