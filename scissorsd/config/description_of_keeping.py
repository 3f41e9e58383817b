"""What an inbox removes in time, in plain words, for `scissorsd check`."""

from collections.abc import Iterator

from scissorsd.config.parse_quantities import said_seconds
from scissorsd.core.rules import FAILED_FOLDER, PROCESSED_FOLDER, REJECTED_FOLDER, REVIEW_FOLDER
from scissorsd.settings import Inbox


def said_housekeeping(inbox: Inbox) -> Iterator[str]:
    """Say what goes of an inbox's files, and when."""
    moved = [rule for rule in inbox.rules if rule.source == "move" and not rule.skip]
    folders = sorted({(rule.move_to or PROCESSED_FOLDER).rstrip("/") for rule in moved})
    keep = inbox.keep
    if keep.processed is not None and folders:
        where = " or ".join(f"{folder}/" for folder in folders)
        yield f"a picture that was moved to {where} is removed {said_seconds(keep.processed)} later"
    if keep.failed is not None:
        yield f"what is set aside in {FAILED_FOLDER}/ is removed {said_seconds(keep.failed)} later"
    if keep.review is not None:
        yield (
            f"what lies in {REVIEW_FOLDER}/ or {REJECTED_FOLDER}/ is removed "
            f"{said_seconds(keep.review)} later"
        )
    if inbox.remove_emptied and inbox.recursive:
        yield "a sub-folder that scissorsd has emptied is removed an hour later"
