"""Whether an answer may be taken for an order, by all it says: pure, as orders.py is.

orders_out.py asks here for those that are out; on what is on the disk `publishing.commit` looks.
"""

import re
from collections.abc import Iterator

from scissorsd.core.rules import action, in_review
from scissorsd.hosts.messages.carried import MOST_OUTPUTS, are_as_told
from scissorsd.hosts.messages.orders import HASH, Answer, Made, Order, first_broken

_NONCE = re.compile(r"[0-9a-f]{8}")
_NUMBER = re.compile(r"[0-9a-f]{1,16}")  # the end of a temporary's name


def refusal(order: Order, answer: Answer) -> str:
    """Return why an answer must not be taken for this order; "" if, by all it says, it may be.

    What was made must be exactly the planned outputs, in their order, where the verdict has them,
    each under a temporary name of this very execution, or along with the answer where the picture
    went along with the order. What is on the disk is not looked at.
    """
    if (answer.job, answer.turn) != (order.job, order.turn):
        return f"it is for turn {answer.turn} of job {answer.job}"
    if not _NONCE.fullmatch(answer.nonce):
        return "its execution has no proper name"
    return "" if answer.made is None else _wrong_with_made(order, answer.made, answer.nonce)


def _wrong_with_made(order: Order, made: Made, nonce: str) -> str:
    verdict = made.judgement.verdict
    wanted = action(order.rule, verdict)
    paths = [in_review(path) if wanted == "review" else path for path in order.outputs]
    names = [one.temporary for one in made.staged]
    digests = [made.content, *(one.digest for one in made.staged)]
    told = [(one.size, one.digest) for one in made.staged]
    checks = (
        (wanted != "fail", f"the rule says that a picture fails which is {verdict}"),
        ([one.path for one in made.staged] == paths, "its outputs are not the planned ones"),
        *(
            _checks_of_data(made, names, told)
            if order.way == "bytes"
            else _checks_of_temporaries(order, made, names, nonce)
        ),
        (all(one.size > 0 for one in made.staged), "an output is empty"),
        (all(map(HASH.fullmatch, digests)), "a file has no digest"),
        (
            made.model in {order.rule.model, order.rule.second_opinion},
            f"the network {made.model!r:.80} was not asked for",
        ),
    )
    return first_broken(checks)


def _checks_of_temporaries(
    order: Order, made: Made, names: list[str], nonce: str
) -> Iterator[tuple[bool, str]]:
    yield len(set(names)) == len(names), "two of its temporary files are one"
    is_ours = all(is_temporary_of(name, order, nonce) for name in names)
    yield is_ours, "its temporary files are not of this order"
    yield not made.data, "outputs come along, which were to be staged"


def _checks_of_data(
    made: Made, names: list[str], told: list[tuple[int, str]]
) -> Iterator[tuple[bool, str]]:
    yield not any(names), "its outputs are staged, which were to come along"
    yield sum(map(len, made.data)) <= MOST_OUTPUTS, "its outputs are too large"
    yield are_as_told(made.data, told), "an output is not as it is told"


def is_temporary_of(name: str, order: Order, nonce: str) -> bool:
    """Whether a file name is that of a temporary file which this execution may have made."""
    number = name.removeprefix(f".scissorsd-{order.tag(nonce)}-")
    return (
        number != name
        and bool(_NUMBER.fullmatch(number.removesuffix(".tmp")))
        and (number.endswith(".tmp"))
    )
