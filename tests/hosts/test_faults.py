import json

import pytest

from scissorsd import errors
from scissorsd.core.masking import Judgement
from scissorsd.core.rules import Rule
from scissorsd.daemon.making import RefusedByRuleError
from scissorsd.hosts.messages.faults import NotHereError, TooLargeError, error_of, fault_of
from scissorsd.hosts.messages.orders import Fault
from scissorsd.hosts.messages.plain_values import built, plain

RULE = Rule("all", when_no_subject="fail")
DOUBT = Judgement("no_subject", 0.1, 0.0, 0.0)


@pytest.mark.parametrize(
    ("error", "host_only"),
    [
        (errors.PictureError("a", "b"), False),
        (errors.UnsupportedPictureError("a", "b"), False),
        (errors.OverLimitsError("a"), False),
        (errors.CorruptPictureError("a"), False),
        (errors.TruncatedPictureError("a", "b"), False),
        (errors.InTheWayError("a"), False),
        (errors.NameRefusedError("a", "b", too_long=True), False),
        (errors.PlaceTakenError("/srv/out/a.png"), False),
        (RefusedByRuleError(DOUBT, RULE), False),
        (errors.WeightsError("a", "b"), True),
        (errors.SessionError("a"), True),
        (errors.SourceChangedError("a"), True),
        (errors.HoldError("a", "b", outbox_wide=True, kind="full"), True),
        (NotHereError("a", "b"), True),
        (TooLargeError("a", "b"), True),
        (MemoryError("there was not enough memory"), True),
    ],
)
def test_an_error_arrives_as_it_was_raised(error: Exception, *, host_only: bool) -> None:
    """Class, words and all that decides the way off the line come back; whose trouble it is too."""
    fault = built(Fault, json.loads(json.dumps(plain(fault_of(error)))))
    again = error_of(fault, RULE)
    assert fault.host_only == host_only
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_what_nobody_foresaw_fails_the_picture() -> None:
    """An error that is no sentence for a person becomes one, as it does here."""
    again = error_of(fault_of(ZeroDivisionError("by zero")), RULE)
    assert type(again) is errors.PictureError
    assert "ZeroDivisionError: by zero" in str(again)


def test_an_unknown_class_is_not_guessed() -> None:
    """A class that this version does not have holds the picture, and the words stay."""
    again = error_of(Fault("SolarFlareError", "too bright"), RULE)
    assert isinstance(again, errors.HoldError)
    assert "SolarFlareError: too bright" in str(again)
