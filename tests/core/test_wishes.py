from scissorsd.core.rules import Rule
from scissorsd.core.wishes import Wish, wish_of


def test_networks_that_a_person_names() -> None:
    """A network that is named cuts alone, unless another one is named for a second opinion."""
    rule = Rule("all", model="a", second_opinion="b")
    for wish, networks in (
        (Wish(), ("a", "b")),
        (Wish(model="c"), ("c", "")),
        (Wish(second_opinion="d"), ("a", "d")),
        (Wish(model="c", second_opinion="d"), ("c", "d")),
        (Wish(model="c").and_then(Wish(second_opinion="d")), ("c", "d")),
    ):
        wished = wish_of(wish.to_json()).over(rule)
        assert (wished.model, wished.second_opinion) == networks
    assert Wish(model="c", second_opinion="d").in_words() == "model c, second opinion d"
