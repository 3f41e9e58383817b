"""What the options of the page say against each other, and against the inboxes."""

from collections.abc import Iterator

from scissorsd.config import quick_desk
from scissorsd.config.page import PageSection, is_open
from scissorsd.config.problems import Problem, meant, quoted
from scissorsd.config.validation import Validated


def check_page(validated: Validated) -> Iterator[Problem]:
    """Look at the page, where one is configured; without its desk there must be an inbox."""
    configuration = validated.configuration
    if configuration is None:
        return
    page = configuration.page
    has_desk = page is not None and page.quick
    if not configuration.inboxes and not has_desk and validated.whole("inboxes"):
        yield Problem(("inboxes",), "is empty; it needs at least one entry")
    if page is None:
        return
    if page.quick and quick_desk.NAME in configuration.inboxes:
        message = "is the name of the page's own desk; call this inbox otherwise, or say quick: "
        yield Problem(("inboxes", quick_desk.NAME), f"{message}false", about_key=True)
    yield from _drop_into(page, [*configuration.inboxes, *([quick_desk.NAME] * page.quick)])
    if page.auth == "proxy" and not page.proxies and validated.whole("page", "proxies"):
        message = "proxy needs proxies: the networks whose word is taken for who somebody is"
        yield Problem(("page", "auth"), message)
    if page.auth == "none" and is_open(page.listen) and validated.whole("page", "listen"):
        message = (
            f"none, and {page.listen} is open to other machines: whoever reaches it may drop, "
            "see and delete pictures"
        )
        yield Problem(("page", "auth"), message, warning=True)


def _drop_into(page: PageSection, known: list[str]) -> Iterator[Problem]:
    for index, name in enumerate(page.drop_into or ()):
        if name not in known:
            message = f"{quoted(name)} is no inbox{meant(name, known)}"
            yield Problem(("page", "drop_into", index), f"{message}; there are {', '.join(known)}")
