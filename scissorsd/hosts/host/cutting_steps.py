"""What there is to do for an order on a host, whichever way its picture comes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.rules import action, in_review
from scissorsd.daemon import outcomes
from scissorsd.daemon.outcomes import Tools
from scissorsd.errors import WeightsError
from scissorsd.hosts.messages.orders import Made, Order, StagedFile, described
from scissorsd.settings import Limits

if TYPE_CHECKING:
    from scissorsd.hosts.host.cutting import Here


def open_networks(order: Order, here: "Here") -> None:
    """Raise WeightsError or SessionError unless this machine has the very networks of an order."""
    for theirs in filter(None, (order.model, order.second)):
        ours = CATALOGUE.get(theirs.name)
        if ours is None or described(ours) != theirs:
            raise WeightsError(
                f"{here.name} knows no network {theirs.name} as the watcher has it",
                "Run one version of scissorsd on the watcher and on every host.",
            )
        here.sessions.open(theirs.name)


def tools_for(order: Order, tools: Tools) -> Tools:
    """Return this machine's tools, with the limits of an order."""
    return replace(tools, limits=Limits(file=order.limits.file, pixels=order.limits.pixels))


def paths_of(order: Order, made: outcomes.Made) -> list[str]:
    """Return where the outputs belong, as the watcher has it."""
    is_for_review = action(order.rule, made.judgement.verdict) == "review"
    return [in_review(path) if is_for_review else path for path in order.outputs]


def told(made: outcomes.Made, paths: Sequence[str], files: Sequence[tuple[str, int, str]]) -> Made:
    """Return what was made, with a temporary name, size and digest of each output."""
    done = made.done
    return Made(
        staged=tuple(
            StagedFile(temporary, path, size, digest)
            for path, (temporary, size, digest) in zip(paths, files, strict=True)
        ),
        content=made.content.hex(),
        facts=made.facts,
        judgement=made.judgement,
        model=done.model,
        asked=done.asked,
        provider=done.provider,
        precision=done.precision,
        width=done.width,
        height=done.height,
        infer_s=done.infer_s,
        remarks=done.remarks,
    )
