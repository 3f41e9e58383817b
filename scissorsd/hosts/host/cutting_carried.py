"""One order whose picture came along with it: the outputs go along with the answer.

No folder is looked at: this machine may have others under the watcher's names.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from scissorsd import failpoints
from scissorsd.core.rules import Rule
from scissorsd.core.settling import Sighting
from scissorsd.daemon import making
from scissorsd.folders import publishing, sources
from scissorsd.folders.scanning import NO_INODE
from scissorsd.hosts.host.backgrounds import as_files
from scissorsd.hosts.host.cutting_steps import open_networks, paths_of, told, tools_for
from scissorsd.hosts.messages.carried import MOST_OUTPUTS, Carried
from scissorsd.hosts.messages.faults import NotHereError, TooLargeError
from scissorsd.hosts.messages.orders import Made, Order

if TYPE_CHECKING:
    from scissorsd.hosts.host.cutting import Here


def make(order: Order, data: Carried, here: "Here") -> Made:
    """Cut the picture that came along; the outputs go along, too."""
    open_networks(order, here)
    source = Sighting(order.source.path, order.source.size, order.source.mtime_ns, NO_INODE, 0)

    def read() -> bytes:
        sources.refuse_too_large(source.size, order.limits.file)
        return data.picture

    failpoints.at("host.read", source.path)
    with (
        _with_carried_backgrounds(order, data, here) as rule,
        making.make_of(read, source, rule, tools_for(order, here.tools)) as made,
    ):
        if sum(map(len, made.contents)) > MOST_OUTPUTS:
            raise TooLargeError(f"what comes of {source.path} is too large to go over the hub")
        files = [("", len(one), publishing.digest_of(one).hex()) for one in made.contents]
        return replace(told(made, paths_of(order, made), files), data=made.contents)


@contextmanager
def _with_carried_backgrounds(order: Order, data: Carried, here: "Here") -> Iterator[Rule]:
    """Return the rule with the background pictures that came along, or did so before."""
    try:
        contents = here.backgrounds.take(data.backgrounds, order.backgrounds)
    except KeyError as error:
        raise NotHereError(
            f"{here.name} has no background {error.args[0]}", kind="no background"
        ) from error
    with as_files(contents) as files:
        outputs = tuple(
            replace(one, background=files[one.background]) if "/" in one.background else one
            for one in order.rule.outputs
        )
        yield replace(order.rule, outputs=outputs)
