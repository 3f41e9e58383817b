"""The page in plain words, for `scissorsd check`."""

from collections.abc import Iterator

from scissorsd.config.page import is_open
from scissorsd.config.parse_quantities import said_seconds, said_size
from scissorsd.config.quick_desk import EDGES_IN_ORDER
from scissorsd.settings import Config, Page


def said_page(config: Config) -> Iterator[str]:
    """Say where the page listens, who may use it, and what may be dropped on it."""
    page = config.page
    if page is None:
        return
    yield f"page: listens at {page.listen}; {_auth(page)}"
    names = [inbox.name for inbox in config.inboxes]
    into = names if page.drop_into is None else list(page.drop_into)
    limits = page.limits
    yield (
        f"  pictures of up to {said_size(limits.file)} may be dropped into "
        f"{', '.join(into) or 'no inbox'}, while fewer than {limits.waiting} wait"
    )
    for quick in (inbox for inbox in config.inboxes if inbox.quick):
        models = dict.fromkeys(rule.model for rule in quick.rules)
        kept = "for ever" if page.keep is None else f"for {said_seconds(page.keep)}"
        yield (
            f"  quick: a desk of its own, in {quick.path.parent}, of up to "
            f"{said_size(limits.room)}, which keeps pictures and cutouts {kept}; "
            f"{' or '.join(models)}, with edges {', '.join(EDGES_IN_ORDER)}"
        )
        both = "remove.bg's and rembg's interfaces"
        spoken = both if page.removebg is not None else "rembg's interface"
        sizes = "; a call without a size gets all of it" if page.removebg == "full" else ""
        yield f"  it speaks {spoken}{sizes}"


def _auth(page: Page) -> str:
    how = page.auth
    if how == "auto":
        how = "key" if is_open(page.listen) else "none"
    return {
        "none": "nobody is asked for a key",
        "key": "it asks for the key (scissorsd page key)",
        "proxy": f"who may use it is for the proxy to say, at {', '.join(page.proxies)}",
    }[how]
