"""The commands `accept` and `reject`: what was put into review/ goes to its place, or aside."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scissorsd.commands.lookup import inbox_unavailable_reason
from scissorsd.commands.messages import in_words, moment, removed_by_keep
from scissorsd.commands.reviewed import Found, Shop, meant_by, open_shops
from scissorsd.daemon import judging
from scissorsd.errors import ScissorsError
from scissorsd.folders import mounts, real_paths
from scissorsd.plain_text import for_terminal, one_line
from scissorsd.records.judging_lock import judging as judging_lock
from scissorsd.records.reviews import Review, Verdict
from scissorsd.records.state_folders import StateFolder

_STATES = {
    "begun": "it is being cut at this moment",
    "again": "it is asked for again, and waits to be cut",
    "held": "it is held",
    "failed": "it failed, and nothing of it came out",
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is said of a picture; a complaint where it could not be done."""

    text: str
    is_complaint: bool = False


def judge(
    names: Sequence[Path], verdict: Verdict, config: Path | None, state: Path | None
) -> Iterator[Sentence]:
    """Accept or reject the pictures that are named; yield a sentence for each."""
    yield from judge_in(open_shops(config, state), names, verdict)


def judge_in(
    opening: Iterable[Shop], names: Sequence[Path], verdict: Verdict
) -> Iterator[Sentence]:
    """Do the same with the pictures of these state folders; their journals are closed then."""
    with ExitStack() as opened:
        shops = list(opening)
        for shop in shops:
            opened.enter_context(closing(shop.journal))
        why_unavailable = _availability()
        seen: set[tuple[Path, int]] = set()
        for name in names:
            try:
                meant = meant_by(name, shops)
            except ScissorsError as error:
                yield _complaint(in_words(error))
                continue
            if not meant.found:
                yield _of_nothing(name, meant.judged_before)
            for found in meant.found:
                mark = found.shop.state.folder, found.review.entry.id
                if mark not in seen:
                    seen.add(mark)
                    yield _one(found, verdict, why_unavailable)


def _of_nothing(name: Path, judged_before: int) -> Sentence:
    if judged_before:
        many = f"all {judged_before} were" if judged_before > 1 else "the one was"
        return Sentence(
            for_terminal(f"Nothing of {name} is left in review/: {many} judged before.")
        )
    return _complaint(f"nothing in review/ is called {name}\n'scissorsd why {name}' may know it.")


def _one(
    found: Found, verdict: Verdict, why_unavailable: Callable[[StateFolder, str, str], str]
) -> Sentence:
    """Judge one picture."""
    shop, entry = found.shop, found.review.entry
    why = why_unavailable(shop.state, entry.inbox, entry.outbox)
    if why:
        return _complaint(f"{entry.source} cannot be {verdict} now\n{why}")
    try:
        with judging_lock(shop.state.folder):
            for left in shop.reviews.under_way(job_id=entry.id):
                judging.complete(shop.journal, left)  # another command was cut short
            return _as_it_stands(found, verdict)
    except ScissorsError as error:
        return _complaint(in_words(error))


def _as_it_stands(found: Found, verdict: Verdict) -> Sentence:
    """Judge a picture by what the journal says of it now, and nobody else moves."""
    before = found.review.entry
    review = found.shop.reviews.of_job(before.id)
    if review is None:
        return _complaint(f"{before.source} was taken away at this moment")
    entry = review.entry
    if entry.judged == verdict and not entry.in_review:
        if before.judged != verdict:  # it has just been done
            return _done(review, verdict, review.outputs)
        when = moment(entry.judged_at)
        return Sentence(for_terminal(f"{entry.source} was {verdict} already, on {when}."))
    swept = removed_by_keep(entry, "review")
    if swept or not review.can_be_judged or entry.state in {"begun", "again", "held"}:
        outputs = f"what came of it was {swept}" if swept else "it came out without review"
        why = _STATES.get(entry.state, outputs)
        return _complaint(f"{entry.source} does not wait in review/: {why}")
    act = judging.accept if verdict == "accepted" else judging.reject
    return _done(review, verdict, act(found.shop.journal, review))


def _done(review: Review, verdict: Verdict, places: Sequence[Path]) -> Sentence:
    where = ", ".join(map(str, places))
    how = "accepted; it is now" if verdict == "accepted" else "rejected; set aside as"
    return Sentence(for_terminal(f"{review.entry.source}: {how} {where}"))


def _complaint(text: str) -> Sentence:
    return Sentence("\n".join(map(for_terminal, text.splitlines())), is_complaint=True)


def _availability() -> Callable[[StateFolder, str, str], str]:
    """Return a function that says why a picture's folders cannot be worked on now, or ''."""

    @cache
    def look(folder: Path, *, require_mount: bool) -> str:
        root = mounts.Root(folder, require_mount=require_mount)
        return real_paths.run_with_patience({"": root.why_away}).get(
            "", f"{folder} does not answer"
        )

    def why(state: StateFolder, inbox_path: str, outbox: str) -> str:
        inbox = next((i for i in state.config.inboxes if str(i.path) == inbox_path), None)
        unavailable = inbox_unavailable_reason(state, inbox) if inbox is not None else ""
        if not unavailable and inbox is not None:
            away = look(inbox.path, require_mount=inbox.require_mount)
            unavailable = f"The inbox {inbox.name!r} is away: {away}." if away else ""
        if not unavailable:
            away = look(Path(outbox), require_mount=False)
            unavailable = f"The outbox is away: {away}." if away else ""
        return one_line(unavailable) if unavailable else ""

    return why
