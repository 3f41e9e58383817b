import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.rules import Output
from scissorsd.hosts.host.cutting import Here, Settings, cut, discard
from scissorsd.hosts.messages.carried import Carried
from scissorsd.hosts.messages.fence import refusal
from scissorsd.hosts.messages.orders import Fault, Order, Root, Roots, described
from scissorsd.hosts.watcher.outgoing import OWNER, claim

from .working import ID, NETWORK, RULE, draw, order_for

NONCE = "0123abcd"
Change = Callable[[Path, Order], Order]


@pytest.fixture(scope="module")
def settings(models_folder: Path) -> Settings:
    """Return how a host was started."""
    return Settings(
        "gpu-1", str(models_folder), ("cpu",), "auto", require_gpu=False, memory=1 << 30
    )


@pytest.fixture(scope="module")
def here(settings: Settings) -> Here:
    """Return this machine as a host; its network is opened once."""
    return Here.of(settings, find_out=False)


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """Return an order for a picture that is there."""
    (tmp_path / "out").mkdir()
    claim(tmp_path / "out", ID)
    return order_for(draw(tmp_path / "in" / "may" / "a.jpg"), tmp_path / "in", tmp_path / "out")


def staged_below(folder: Path) -> list[Path]:
    """Return the files in an outbox, but for the note of whose it is."""
    return [path for path in folder.rglob("*") if path.is_file() and path.name != OWNER]


def fault_of(order: Order, here: Here) -> Fault:
    """Return why nothing was made; nothing was staged either."""
    answer = cut(order, here, NONCE)
    assert answer.error is not None
    assert staged_below(Path(order.roots.outbox.path)) == []
    return answer.error


def test_it_is_cut_as_here_and_staged(order: Order, here: Here, tmp_path: Path) -> None:
    """What was made lies whole beside its place, under a name of this execution."""
    answer = cut(order, here, NONCE)
    assert refusal(order, answer) == ""
    assert answer.made is not None
    (one,) = answer.made.staged
    (lies,) = staged_below(tmp_path / "out")
    assert lies == tmp_path / "out" / "may" / one.temporary
    assert lies.stat().st_size == one.size
    with Image.open(lies) as cutout:
        assert (cutout.mode, cutout.size) == ("RGBA", (96, 64))
    assert (tmp_path / "in" / "may" / "a.jpg").exists()
    discard(order, answer, here)
    assert not lies.exists()


def test_for_review_it_is_staged_there(order: Order, here: Here, tmp_path: Path) -> None:
    """The verdict decides beside which place it is staged."""
    rule = replace(RULE, doubtful_above=0.0, when_doubtful="review", when_no_subject="review")
    answer = cut(replace(order, rule=rule), here, NONCE)
    assert answer.made is not None
    (one,) = answer.made.staged
    assert one.path == "review/may/a.png"
    assert (tmp_path / "out" / "review" / "may" / one.temporary).exists()


def test_the_rule_may_refuse_it(order: Order, here: Here) -> None:
    """A verdict that fails by the rule is the picture's fault, with its numbers."""
    rule = replace(RULE, doubtful_above=0.0, when_doubtful="fail", when_no_subject="fail")
    fault = fault_of(replace(order, rule=rule), here)
    assert (fault.kind, fault.host_only) == ("RefusedByRuleError", False)
    assert fault.judgement is not None


def test_folders_called_otherwise(order: Order, settings: Settings, tmp_path: Path) -> None:
    """With --map a host finds picture and background where it has them; the longest wins."""
    Image.new("RGB", (8, 8), "blue").save(tmp_path / "out" / "blue.png")
    digest = hashlib.sha256((tmp_path / "out" / "blue.png").read_bytes()).hexdigest()
    rule = replace(RULE, outputs=(Output("flat", "jpeg", background="/nas/out/blue.png"),))
    theirs = replace(
        order,
        roots=Roots(Root("/nas/in"), Root("/nas/out")),
        rule=rule,
        outputs=("a.jpg",),
        backgrounds={"/nas/out/blue.png": digest},
    )
    maps = (
        ("/nas", "/nowhere"),
        ("/nas/in/", str(tmp_path / "in")),
        ("/nas/out", str(tmp_path / "out")),
    )
    here = Here.of(replace(settings, maps=maps), find_out=False)
    answer = cut(theirs, here, NONCE)
    assert refusal(theirs, answer) == ""
    assert answer.made is not None
    with Image.open(tmp_path / "out" / answer.made.staged[0].temporary) as flat:
        pixel = flat.getpixel((0, 0))
    assert isinstance(pixel, tuple)
    assert pixel[2] > 4 * pixel[0]
    other = replace(theirs, backgrounds={"/nas/out/blue.png": "0" * 64})
    fault = cut(other, here, NONCE).error
    assert fault is not None
    assert (fault.kind, fault.host_only) == ("NotHereError", True)


# --- the picture came along ------------------------------------------------------------------


def carried(order: Order, backgrounds: dict[str, bytes] | None = None) -> Order:
    """Return the order with its picture, and folders that are nowhere here."""
    picture = Path(order.roots.inbox.path) / order.source.path
    roots = Roots(Root("/nowhere/in"), Root("/nowhere/out"))
    return replace(order, roots=roots, data=Carried(picture.read_bytes(), backgrounds or {}))


def test_what_came_along_is_cut_as_here(order: Order, here: Here, tmp_path: Path) -> None:
    """Its outputs are those that are staged where the folders are seen; nothing is written."""
    staged = cut(order, here, NONCE)
    assert staged.made is not None
    lies = tmp_path / "out" / "may" / staged.made.staged[0].temporary
    content = lies.read_bytes()
    lies.unlink()
    asked = carried(order)
    answer = cut(asked, here, NONCE)
    assert refusal(asked, answer) == ""
    assert answer.made is not None
    assert answer.made.data == (content,)
    assert replace(answer.made, data=(), staged=staged.made.staged, infer_s=0.0) == replace(
        staged.made, infer_s=0.0
    )
    discard(asked, answer, here)
    assert staged_below(tmp_path / "out") == []
    assert here.hindrance(asked) == ""
    assert not here.sees(asked)


def test_a_background_that_came_along(order: Order, settings: Settings, tmp_path: Path) -> None:
    """It is used, and kept for the next order; one that neither came nor is kept is asked for."""
    here = Here.of(settings, find_out=False)
    Image.new("RGB", (8, 8), "blue").save(tmp_path / "blue.png")
    content = (tmp_path / "blue.png").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    rule = replace(RULE, outputs=(Output("flat", "jpeg", background="/nas/blue.png"),))
    order = replace(order, rule=rule, outputs=("a.jpg",), backgrounds={"/nas/blue.png": digest})
    fault = cut(carried(order), here, NONCE).error
    assert fault is not None
    assert (fault.kind, fault.as_, fault.host_only) == ("NotHereError", "no background", True)
    first = cut(carried(order, {digest: content}), here, NONCE)
    again = cut(carried(order), here, NONCE)
    assert first.made is not None
    assert again.made is not None
    assert first.made.data == again.made.data
    with Image.open(io.BytesIO(again.made.data[0])) as flat:
        pixel = flat.getpixel((0, 0))
    assert isinstance(pixel, tuple)
    assert pixel[2] > 4 * pixel[0]
    assert here.backgrounds.known() == [digest]


def test_outputs_too_large_to_go_back(
    order: Order, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not sent; the watcher hears that, and the host is in no trouble."""
    monkeypatch.setattr("scissorsd.hosts.host.cutting_carried.MOST_OUTPUTS", 10)
    fault = cut(carried(order), here, NONCE).error
    assert fault is not None
    assert (fault.kind, fault.as_, fault.host_only) == ("TooLargeError", "too large", True)


# --- not the picture that the watcher has, or not from here ----------------------------------


def other_size(_: Path, order: Order) -> Order:
    """Let the watcher have a picture of another size."""
    return replace(order, source=replace(order.source, size=order.source.size + 1))


def other_time(_: Path, order: Order) -> Order:
    """Let the watcher have a picture that is three seconds older."""
    source = order.source
    return replace(order, source=replace(source, mtime_ns=source.mtime_ns - 3 * 10**9))


def other_head(_: Path, order: Order) -> Order:
    """Let the watcher have another picture of that size and time."""
    return replace(order, head="0" * 32)


def taken_away(folder: Path, order: Order) -> Order:
    """Take the picture away."""
    (folder / "in" / "may" / "a.jpg").unlink()
    return order


def a_link(folder: Path, order: Order) -> Order:
    """Put a link in the picture's place."""
    (folder / "in" / "may" / "a.jpg").rename(folder / "b.jpg")
    (folder / "in" / "may" / "a.jpg").symlink_to(folder / "b.jpg")
    return order


def a_linked_folder(folder: Path, order: Order) -> Order:
    """Let a link lead out of the inbox."""
    (folder / "in" / "may").rename(folder / "elsewhere")
    (folder / "in" / "may").symlink_to(folder / "elsewhere")
    return order


def no_inbox(folder: Path, order: Order) -> Order:
    """Take the inbox away."""
    (folder / "in").rename(folder / "gone")
    return order


def no_outbox(folder: Path, order: Order) -> Order:
    """Have an outbox that is not here; it is not made."""
    roots = replace(order.roots, outbox=Root(str(folder / "gone")))
    return replace(order, roots=roots)


def another_outbox(folder: Path, order: Order) -> Order:
    """Have an empty folder where the watcher's outbox should be mounted."""
    (folder / "out" / OWNER).unlink()
    return order


@pytest.mark.parametrize(
    "change",
    [
        *(other_size, other_time, other_head, taken_away, a_link, a_linked_folder),
        *(no_inbox, no_outbox, another_outbox),
    ],
)
def test_what_is_not_here(change: Change, order: Order, here: Here, tmp_path: Path) -> None:
    """Another picture, another place, no folder: it is not here, and the host's own trouble."""
    changed = change(tmp_path, order)
    fault = fault_of(changed, here)
    assert (fault.kind, fault.host_only) == ("NotHereError", True)
    assert not (tmp_path / "gone" / "may" / "a.png").exists()
    is_folder = change in {no_inbox, no_outbox, another_outbox}
    assert here.sees(changed) == (not is_folder)
    assert here.hindrance(changed) == ""  # its pause may end: folders may have moved since


def test_clocks_of_shares_differ(order: Order, here: Here) -> None:
    """Where a share keeps even seconds only, the picture is the same."""
    source = replace(order.source, mtime_ns=order.source.mtime_ns - 19 * 10**8)
    assert cut(replace(order, source=source), here, NONCE).error is None


def test_no_link_leads_out_of_the_outbox(order: Order, here: Here, tmp_path: Path) -> None:
    """Through a link in the outbox nothing is written."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "may").symlink_to(tmp_path / "elsewhere")
    fault = fault_of(order, here)
    assert "a link leads out" in fault.what
    assert list((tmp_path / "elsewhere").iterdir()) == []


# --- faults ----------------------------------------------------------------------------------


def test_another_network_under_its_name(order: Order, here: Here) -> None:
    """A network that the watcher has otherwise, or that is not known, is not taken for it.

    As long as that is so, the host says so.
    """
    for model in (
        replace(order.model, sha256="0" * 64),
        described(CATALOGUE["u2net"]),
    ):
        name = "custom" if model.name == "u2net" else NETWORK
        changed = replace(order, model=replace(model, name=name), rule=replace(RULE, model=name))
        fault = fault_of(changed, here)
        assert (fault.kind, fault.host_only) == ("WeightsError", True)
        assert here.hindrance(changed) == fault.what


def test_the_pictures_own_faults(order: Order, here: Here, tmp_path: Path) -> None:
    """A broken picture, and one over the watcher's limits, are not the host's trouble."""
    limits = replace(order.limits, pixels=100)
    fault = fault_of(replace(order, limits=limits), here)
    assert (fault.kind, fault.host_only) == ("OverLimitsError", False)
    path = tmp_path / "in" / "b.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0 no picture at all" * 9)
    broken = order_for(path, tmp_path / "in", tmp_path / "out")
    fault = fault_of(broken, here)
    assert not fault.host_only
    assert fault.kind.endswith("PictureError")


def test_short_of_memory_is_the_hosts(order: Order, here: Here) -> None:
    """A picture that is too large for this machine may not be so for another."""
    bound = type("Bound", (), {"left": 10, "beyond": 0, "who": "a test", "total": 10, "held": 0})()
    memory = type(here.tools.memory)(1 << 30, ())
    memory.bounds = (bound,)
    small = replace(here, tools=replace(here.tools, memory=memory))
    fault = fault_of(order, small)
    assert (fault.kind, fault.as_, fault.host_only) == ("HoldError", "short of memory", True)
