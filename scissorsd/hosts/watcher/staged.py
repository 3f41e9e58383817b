"""What a host has made, by what lies there or came along: as `outcomes.Made`, which the line has.

What came along is staged as what is made here is: by the pipeline, in the names that it then has.
"""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import structlog

from scissorsd.core.stamps import Stamp
from scissorsd.daemon.outcomes import Done, Made
from scissorsd.folders import publishing
from scissorsd.folders.scanning import fold_time
from scissorsd.hosts.messages.orders import Answer
from scissorsd.hosts.watcher.outgoing import OWNER
from scissorsd.service.accounts import user_name

log = structlog.get_logger("scissorsd")

_compared: set[tuple[str, int, int]] = set()  # host, its user, ours


def made_of(answer: Answer, outbox: Path) -> Made:
    """Return what an answer that was taken has made; raises HoldError where it is not there so."""
    told = answer.made
    assert told is not None  # noqa: S101 - the caller has looked
    staged = () if told.data else told.staged
    for one in staged[:1]:
        _compare_owners(answer.host, outbox / OWNER, (outbox / one.path).with_name(one.temporary))
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
            _stamp(outbox / one.path, one.temporary, one.size, one.digest) for one in staged
        ),
    )


def _stamp(place: Path, temporary: str, size: int, digest: str) -> Stamp:
    told = Stamp(str(place), bytes.fromhex(digest), size, 0, str(place.with_name(temporary)))
    return replace(told, mtime_ns=fold_time(publishing.check_staged(told).st_mtime_ns))


def _compare_owners(host: str, ours: Path, theirs: Path) -> None:
    """Warn, once, that a host's files belong to another user than ours do in the same outbox."""
    with suppress(OSError):  # what is not there is told when it gets its name
        us, them = ours.lstat().st_uid, theirs.lstat().st_uid
        if us != them and (host, them, us) not in _compared:
            _compared.add((host, them, us))
            log.warning("host.other_user", host=host, user=user_name(them), ours=user_name(us))
