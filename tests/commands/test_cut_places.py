"""Where `cut` puts what a rule makes."""

from pathlib import Path

from scissorsd.commands.cut_places import Places
from scissorsd.commands.cut_recipe import Recipe
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.rules import Output, Rule
from scissorsd.pictures.picture import Picture


def unread() -> Picture:
    """Fail: these names do not tell of the picture."""
    raise AssertionError


def test_all_below_one_folder(tmp_path: Path) -> None:
    """Also what the rule puts outside of its outbox; and numbers are the first that are free."""
    outputs = (Output(name="{counter}-{parent}"), Output("mask", folder=str(tmp_path / "srv/web")))
    recipe = Recipe(Rule("all", outputs=outputs), "shop", CATALOGUE, tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    (out / "0001-shop.png").touch()
    pictures = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    places = Places(recipe, out, pictures, overwrite=False)
    assert places.of(pictures[0], unread) == [out / "0002-shop.png", out / "web/a-mask.png"]
    places.note_written(places.of(pictures[0], unread))
    assert places.of(pictures[1], unread) == [out / "0003-shop.png", out / "web/b-mask.png"]
