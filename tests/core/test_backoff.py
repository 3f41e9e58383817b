from scissorsd.core.backoff import backoff


def test_a_pause_doubles_up_to_the_longest() -> None:
    """Each failure doubles the pause; a thousand of them are no trouble."""
    assert [backoff(2.0, failures, 10.0) for failures in (0, 1, 2, 3, 1000)] == [2, 4, 8, 10, 10]
