"""Back-off: what fails is tried again after a pause that doubles each time."""


def backoff(first: float, failures: int, longest: float) -> float:
    """Return the seconds to wait: `first` after no earlier failures, and never over `longest`."""
    return min(first * 2.0 ** min(failures, 16), longest)
