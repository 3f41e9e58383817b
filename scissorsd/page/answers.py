"""What the page answers where it cannot do what is asked: in words, as JSON."""


class Refusal(Exception):  # noqa: N818 - it is an answer, not a fault
    """An answer other than what was asked for: the HTTP status, a code for programs, words."""

    def __init__(self, status: int, code: str, what: str, advice: str = "") -> None:
        super().__init__(what)
        self.status = status
        self.code = code
        self.what = what
        self.advice = advice
