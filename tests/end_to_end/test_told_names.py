"""Names that tell of the picture, or count it, through deaths of the program."""

from collections.abc import Mapping

import pytest
from families import one_of_each_kind

from .deaths import doomed, fault, repaired
from .driver import SIZE, Workplace

WIDTH, HEIGHT = SIZE
NAMES: Mapping[str, object] = {
    "outputs": [
        {"kind": "cutout", "name": "{counter}-{width}x{height}"},
        {"kind": "mask", "folder": "masks"},
    ]
}
STEPS = (
    "journal.begin.done",
    "journal.replan",
    "journal.replan.done",
    f"write.done:0001-{WIDTH}x{HEIGHT}.png",
    f"publish.done:0001-{WIDTH}x{HEIGHT}.png",
    "journal.published",
    "journal.published.done",
)


@pytest.mark.parametrize("step", one_of_each_kind(STEPS, kept=["journal.replan.done"]))
def test_killed_at_each_step(place: Workplace, step: str) -> None:
    """Whenever the program dies, each picture has one number in the end, and no number is lost."""
    place.configure({"name": "counted", **NAMES})
    place.put("a.jpg")
    doomed(place, fault(step))
    for number, name in enumerate(("b.jpg", "c.jpg"), 1):
        place.put(name, number=number)
    repaired(place, jobs=3)
    cutouts = [f"{number:04}-{WIDTH}x{HEIGHT}.png" for number in (1, 2, 3)]
    masks = [f"masks/{name}-mask.png" for name in "abc"]
    assert place.files() == [*cutouts, *masks]
    named = {entry.path: entry.published[0] for entry in place.entries()}
    assert named["a.jpg"] == str(place.outbox / cutouts[0])
