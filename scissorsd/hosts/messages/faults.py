"""Errors there and back: what went wrong on a host is raised at the watcher as if it had been here.

So it takes the same ways off the line (daemon/off_the_line.py). What is the host's own trouble is
told by `host_only`: nothing is wrong with the picture then.
"""

from collections.abc import Callable
from dataclasses import replace

from scissorsd import errors
from scissorsd.core.rules import Rule
from scissorsd.daemon.making import RefusedByRuleError
from scissorsd.errors import (
    HoldError,
    NameRefusedError,
    PictureError,
    PlaceTakenError,
    ScissorsError,
    SessionError,
    SourceChangedError,
    WeightsError,
)
from scissorsd.hosts.messages.orders import Fault

# Kinds of a HoldError by which a host is in no trouble: it can cut, but not this, or not so.
LACKING = ("no folder", "no background", "too large")


class NotHereError(HoldError):
    """A host does not have the picture, or has another one under its name."""


class TooLargeError(HoldError):
    """What is to go over the hub is too large for that."""

    def __init__(self, what: str, advice: str = "", **_: object) -> None:
        super().__init__(what, advice, kind="too large")


# What a host may meet, by name. Those below are made anew with more than their two sentences.
_PLAIN: dict[str, type[ScissorsError]] = {
    kind.__name__: kind
    for kind in (
        errors.PictureError,
        errors.UnsupportedPictureError,
        errors.OverLimitsError,
        errors.InTheWayError,
        errors.CorruptPictureError,
        errors.TruncatedPictureError,
        errors.WeightsError,
        errors.SessionError,
        errors.SourceChangedError,
    )
}
_WITH_MORE: dict[str, Callable[[Fault, Rule], Exception]] = {
    "HoldError": lambda fault, _: HoldError(
        fault.what, fault.advice, outbox_wide=fault.outbox_wide, kind=fault.as_
    ),
    "NotHereError": lambda fault, _: NotHereError(
        fault.what, fault.advice, outbox_wide=fault.outbox_wide, kind=fault.as_
    ),
    "TooLargeError": lambda fault, _: TooLargeError(fault.what, fault.advice),
    "NameRefusedError": lambda fault, _: NameRefusedError(
        fault.what, fault.advice, too_long=fault.too_long
    ),
    "PlaceTakenError": lambda fault, _: PlaceTakenError(fault.place),
    "RefusedByRuleError": lambda fault, rule: (
        PictureError(fault.what, fault.advice)
        if fault.judgement is None
        else RefusedByRuleError(fault.judgement, rule)
    ),
    "MemoryError": lambda fault, _: MemoryError(fault.what),
}
_HOSTS_OWN = (HoldError, WeightsError, SessionError, SourceChangedError)


def fault_of(error: Exception) -> Fault:
    """Return an error as it travels.

    Whether a picture was replaced, or a share is full, the watcher sees with its own eyes: on a
    host that is the host's own trouble.
    """
    kind = type(error).__name__
    if isinstance(error, MemoryError):
        return Fault(kind, "there was not enough memory", host_only=True)
    if not isinstance(error, ScissorsError) or kind not in {*_PLAIN, *_WITH_MORE}:
        unforeseen = f"something unforeseen went wrong: {kind}: {error}"
        advice = "This is a fault of scissorsd; please report it, with the picture if you can."
        return Fault(PictureError.__name__, unforeseen, advice, host_only=True)
    fault = Fault(kind, error.what, error.advice, host_only=isinstance(error, _HOSTS_OWN))
    match error:
        case HoldError():
            fault = replace(fault, outbox_wide=error.outbox_wide, as_=error.kind)
        case NameRefusedError():
            fault = replace(fault, too_long=error.too_long)
        case PlaceTakenError():
            fault = replace(fault, place=error.place)
        case RefusedByRuleError():
            fault = replace(fault, judgement=error.judgement)
    return fault


def error_of(fault: Fault, rule: Rule) -> Exception:
    """Return the error that a fault tells of, to be raised here."""
    make = _WITH_MORE.get(fault.kind)
    if make is not None:
        return make(fault, rule)
    if fault.kind in _PLAIN:
        return _PLAIN[fault.kind](fault.what, fault.advice)
    return HoldError(f"the host met what is not known here, {fault.kind}: {fault.what}")
