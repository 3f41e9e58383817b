"""The folders into which an inbox's pictures come out: its outbox, and others that rules name."""

from pathlib import Path

from scissorsd.core.rules import Rule
from scissorsd.folders.mounts import Root
from scissorsd.settings import Inbox


class Outbox(Root):
    """An outbox, and the folders elsewhere to which some outputs go: each may be away by itself."""

    def __init__(self, inbox: Inbox) -> None:
        super().__init__(inbox.outbox)
        self._elsewhere: dict[Path, Root] = {}
        self._take_over(inbox)

    def following(self, inbox: Inbox) -> "Outbox":
        """Return the outbox of the inbox with new options; what is known of the folders stays."""
        if inbox.outbox != self.path:
            return Outbox(inbox)
        self._take_over(inbox)
        return self

    def _take_over(self, inbox: Inbox) -> None:
        for folder in inbox.folders_elsewhere:
            self._elsewhere.setdefault(folder, Root(folder, for_all=False))

    def elsewhere(self, rule: Rule) -> tuple[Root, ...]:
        """Return the other folders to which a rule's outputs go."""
        return tuple(self._elsewhere[Path(folder)] for folder in rule.folders_elsewhere)

    @property
    def roots(self) -> tuple[Root, ...]:
        """It, and the other folders."""
        return self, *self._elsewhere.values()
