"""A rule with two networks: the second is asked where the first is unsure, whatever happens to it.

`unsure` is unsure of everything, `darkness` of nothing; both hold what is dark for the subject.
`lightness` is as sure, of the contrary.
"""

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from families import one_of_each_kind
from PIL import Image

from .deaths import doomed, fault, finished, repaired, whole
from .driver import Daemon, Workplace, picture
from .networks import write_darkness, write_slope

RULE: Mapping[str, object] = {"name": "all", "model": "unsure", "second_opinion": "darkness"}
LACKING = "missing could give no second opinion: The file of the model missing is not there"


@pytest.fixture
def two(place: Workplace) -> Workplace:
    """Set up a workplace whose rule has two networks."""
    configure(place, RULE)
    return place


def configure(place: Workplace, rule: Mapping[str, object]) -> None:
    """Write a configuration with this rule, and the networks."""
    place.configure(rule)
    folder = place.folder
    networks = {
        "darkness": write_darkness(folder / "darkness.onnx", sure=True),
        "unsure": write_slope(folder / "unsure.onnx", alpha=-0.2, beta=0.55),
        "lightness": write_slope(folder / "lightness.onnx", alpha=2.0, beta=-0.5),
        "missing": {"file": str(folder / "missing.onnx"), "sha256": "0" * 64},
    }
    place.change_config(custom_models=networks)


def cut(place: Workplace, daemon: Daemon, name: str = "a.jpg") -> dict[str, Any]:
    """Put a picture in; return the line of its job."""
    place.put(name)
    return daemon.wait("job.finished", source=name)


def is_dark_one_cut(output: Path) -> bool:
    """Whether what is dark in the middle is there, and what is light at the corner is not."""
    with Image.open(output) as image:
        alpha = image.getchannel("A")
        return bool(alpha.getpixel((48, 36)) == 255 and alpha.getpixel((2, 2)) == 0)


def test_whose_mask_it_is_is_told_and_journalled(two: Workplace) -> None:
    """The line of the job, the journal and `why` tell whose mask it is; both networks are open."""
    daemon = two.start()
    assert {line["model"] for line in daemon.told("session.opened")} == {"darkness", "unsure"}
    line = cut(two, daemon)
    daemon.stop()
    assert (line["model"], line["asked"], line["verdict"]) == ("darkness", "darkness", "ok")
    assert line["agreement"] > 0.9
    assert line["doubt"] < 0.06
    assert is_dark_one_cut(two.outbox / "a.png")
    (entry,) = two.entries()
    assert (entry.model, entry.numbers["agreement"]) == ("darkness", round(line["agreement"], 4))
    assert "under the rule 'all' by darkness, verdict ok" in two.ask("why", two.inbox / "a.jpg")
    assert "cut with unsure, or with darkness where that is the surer" in two.ask("check")
    at_once = two.run("cut", two.inbox / "a.jpg", "-c", two.config, "--rule", "all", "-o", "here")
    assert "darkness's mask: it is surer than unsure" in at_once.stdout


def test_networks_that_disagree_wait_for_a_person(place: Workplace) -> None:
    """Where two networks see different subjects, what comes out is doubtful, and the note says so.

    A sure one is not asked about.
    """
    configure(place, {**RULE, "second_opinion": "lightness", "when_doubtful": "review"})
    daemon = place.start()
    line = cut(place, daemon)
    daemon.stop()
    assert (line["model"], line["verdict"]) == ("lightness", "doubtful")
    assert line["agreement"] < 0.2
    assert place.files() == ["review/a.png", "review/a.png.txt"]
    assert "two networks disagree" in (place.outbox / "review" / "a.png.txt").read_text()
    configure(place, {**RULE, "model": "darkness", "second_opinion": "lightness"})
    daemon = place.start()
    line = cut(place, daemon, "b.jpg")
    daemon.stop()
    assert line["model"] == "darkness"
    assert "asked" not in line


@pytest.mark.full
def test_a_second_network_that_is_not_there(place: Workplace) -> None:
    """The daemon starts and says what is missing; pictures are cut with the first, and say so.

    Once its file is there it is asked, without a restart.
    """
    configure(place, {**RULE, "second_opinion": "missing", "when_no_subject": "publish"})
    assert "The file of the model missing is not there" in place.run(
        "doctor", "-c", place.config
    ).stdout.replace("\n", " ")
    daemon = place.start()
    assert "is not there" in daemon.wait("second_opinion.missing", model="missing")["why"]
    line = cut(place, daemon)
    assert line["model"] == "unsure"
    assert [remark.partition(":")[0] for remark in line["remarks"]] == [LACKING.partition(":")[0]]
    values = yaml.safe_load(place.config.read_text())
    darkness = values["custom_models"]["darkness"]
    there = place.folder / "missing.onnx"
    there.write_bytes(Path(darkness["file"]).read_bytes())
    values["custom_models"]["missing"]["sha256"] = darkness["sha256"]
    place.config.write_text(yaml.safe_dump(values))
    daemon.send(signal.SIGHUP)
    daemon.wait("config.reloaded")
    line = cut(place, daemon, "b.jpg")
    daemon.stop()
    assert line["model"] == "missing"
    assert "remarks" not in line


@pytest.mark.parametrize("error", one_of_each_kind(["raise", "ENOMEM"], kept=["raise"]))
def test_a_second_network_that_breaks(two: Workplace, error: str) -> None:
    """A network that fails when it is asked costs its opinion, not the picture."""
    two.configure({**RULE, "when_no_subject": "publish"})
    configure(two, {**RULE, "when_no_subject": "publish"})
    daemon = two.start(variables={"SCISSORSD_FAULTS": f"infer.cpu={error}@2"})
    broken, whole_again = cut(two, daemon), cut(two, daemon, "b.jpg")
    daemon.stop()
    assert broken["model"] == "unsure"
    assert "darkness could give no second opinion" in broken["remarks"][0]
    assert whole_again["model"] == "darkness"
    assert two.files() == ["a.png", "b.png"]


def test_the_same_network_twice(place: Workplace) -> None:
    """A rule whose second network is its first is warned of, and asks it once."""
    configure(place, {**RULE, "second_opinion": "unsure", "when_no_subject": "publish"})
    checked = place.run("check", "-c", place.config)
    assert checked.returncode == 0
    assert "has no effect: it is the rule's own model" in checked.stderr + checked.stdout
    daemon = place.start()
    line = cut(place, daemon)
    daemon.stop()
    assert line["model"] == "unsure"
    assert "asked" not in line


@pytest.mark.full
def test_a_wish_and_a_reload(place: Workplace) -> None:
    """The network that a person names cuts alone; a reload that adds a second makes pictures stale.

    What a person has wished is not made stale by it; he may name both.
    """
    configure(place, {"name": "all", "model": "unsure", "when_no_subject": "publish"})
    daemon = place.start()
    lines = [cut(place, daemon, name) for name in ("a.jpg", "b.jpg")]
    assert {line["model"] for line in lines} == {"unsure"}
    configure(place, {**RULE, "when_no_subject": "publish"})
    daemon.send(signal.SIGHUP)
    changes = daemon.wait("rule.changed", rule="all")["changes"]
    assert changes == ["second_opinion: none → darkness"]
    assert daemon.wait("rules.stale")["pictures"] == 2
    place.ask("recut", "--wait", place.inbox / "a.jpg", "--model", "unsure")
    line = daemon.wait("job.finished", times=2, source="a.jpg")
    assert (line["model"], "asked" in line) == ("unsure", False)
    assert "1 picture is cut again" in place.ask("recut", "--wait", "--stale")
    line = daemon.wait("job.finished", times=2, source="b.jpg")
    assert (line["model"], line["asked"]) == ("darkness", "darkness")
    assert "Nothing is cut again" in place.ask("recut", "--stale")
    both = ("--model", "unsure", "--second-opinion", "darkness")
    place.ask("recut", "--wait", place.inbox / "a.jpg", *both)
    line = daemon.wait("job.finished", times=3, source="a.jpg")
    assert (line["model"], line["asked"]) == ("darkness", "darkness")
    daemon.stop()
    asked = "model unsure, second opinion darkness"
    assert asked in place.ask("why", place.inbox / "a.jpg").replace("\n", " ")
    assert {entry.path: entry.model for entry in place.entries()} == {
        "a.jpg": "darkness",
        "b.jpg": "darkness",
    }


@pytest.mark.parametrize(
    "step",
    one_of_each_kind(
        ["infer.cpu", "infer.cpu@2", "publish.done:a.png", "journal.published.done"],
        kept=["infer.cpu@2"],
    ),
)
def test_killed_between_two_opinions(two: Workplace, step: str) -> None:
    """Whenever the daemon dies, the picture comes out once, with the surer network's mask."""
    two.put("a.jpg")
    dead = doomed(two, fault(step))
    again = repaired(two)
    assert finished(dead, again)["a.jpg"] <= 1
    assert two.files() == ["a.png"]
    assert whole(two.outbox / "a.png")
    assert is_dark_one_cut(two.outbox / "a.png")
    (entry,) = two.entries()
    assert entry.model == "darkness"


@pytest.mark.full
def test_cut_by_a_rule_with_two_networks(two: Workplace) -> None:
    """`cut --rule` asks the second network as the daemon does, and says when it cannot."""
    (two.folder / "a.jpg").write_bytes(picture())
    answer = two.run("cut", two.folder / "a.jpg", "--rule", "all", "-c", two.config)
    assert answer.returncode == 0, answer.stderr
    assert is_dark_one_cut(two.folder / "a.png")
    configure(two, {**RULE, "second_opinion": "missing", "when_no_subject": "publish"})
    (two.folder / "b.jpg").write_bytes(picture())
    answer = two.run("cut", two.folder / "b.jpg", "--rule", "all", "-c", two.config)
    assert answer.returncode == 0, answer.stderr
    assert LACKING in answer.stdout
