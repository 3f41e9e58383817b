"""Measure hosts that cut for a daemon: how near to ideal, how fair, what the hub costs, one killed.

All on this one machine (studio.py). Pictures of 0.1 MP on a tmpfs, one cutout each, `edges: soft`.

Ideal is the sleep alone, shared by all slots: efficiency is the sleep over the seconds that a slot
takes for a picture. These are counted from the moment that each slot has had one until all are
published, by the cutouts' ctimes. Hosts of different speeds (a GPU's and a CPU's sleeps, drawn)
should each make as great a share of the pictures as they have of the speed, which is how fast each
is alone. `python benchmarks/hub.py SLOTS...` measures these slots alone, `shares` the shares.
"""

import os
import signal
import sys
from contextlib import ExitStack
from dataclasses import replace
from statistics import mean
from time import time

from bench import Figures, Goal, number, parser, place, table
from studio import Machine, Run, wait_until

SLEEP = 0.3  # seconds
SLOTS = (1, 2, 4, 8, 16, 32)
ROUNDS = 10  # pictures for each slot
UNLIKE = {"gpu": (2, "0.08-0.12"), "cpu": (4, "0.3-0.5"), "old": (2, "0.3-0.5")}  # slots, seconds
AHEAD = 2  # orders for each slot, by default
UNLIKE_S = 20  # of pictures in line, for those together; alone for half of it


def _layout(slots: int) -> list[int]:
    """Return how many slots each host has: up to four hosts, alike."""
    hosts = min(4, max(1, slots // 2))
    return [slots // hosts] * hosts


def alone(machine: Machine) -> Run:
    """Have the daemon cut pictures itself, one after the other."""
    with machine.studio("alone") as studio:
        studio.fill(2 * ROUNDS)
        with studio.daemon(hosts=False, sleeps=str(SLEEP)):
            wait_until(lambda: studio.count() == 2 * ROUNDS)
            return studio.done(1)


def with_hosts(machine: Machine, slots: int) -> Run:
    """Have pictures cut by so many slots of hosts."""
    count = (ROUNDS + 1) * slots
    with machine.studio(f"slots-{slots}") as studio, ExitStack() as hosts:
        studio.fill(count)
        for index, each in enumerate(_layout(slots)):
            hosts.enter_context(studio.host(f"host-{index}", each, str(SLEEP)))
        with studio.daemon(hosts=True, sleeps=str(SLEEP)):
            wait_until(lambda: studio.count() == count)
            return studio.done(slots)


def one_killed(machine: Machine, slot_s: float) -> Figures:
    """Kill one of two hosts in the middle; return what that costs beyond its own slots.

    `slot_s`: what a slot takes for a picture at this pace, without a kill.
    """
    each, count = 4, 96
    with machine.studio("killed") as studio, ExitStack() as hosts:
        studio.fill(count)
        first = hosts.enter_context(studio.host("first", each, str(SLEEP)))
        hosts.enter_context(studio.host("second", each, str(SLEEP)))
        with studio.daemon(hosts=True, sleeps=str(SLEEP)):
            wait_until(lambda: studio.count() >= count // 3)
            first.kill()
            at, left = time(), count - studio.count()
            wait_until(lambda: studio.count() == count)
            run = studio.done(2 * each)
    ideal = left * slot_s / each  # what the other's slots need for what is left
    return {"lost_s": run.came[-1] - at - ideal, "left": left, "litter": run.litter}


def unlike(machine: Machine, which: tuple[str, ...], seconds: float) -> tuple[Run, float]:
    """Have some of the unlike hosts cut for so long; return the run, and their pictures a second.

    Counted is what came between the first of each slot and the last few, when no more wait in line.
    """
    slots = sum(UNLIKE[name][0] for name in which)
    speeds = {name: of / mean(map(float, drawn.split("-"))) for name, (of, drawn) in UNLIKE.items()}
    count = round(seconds * sum(speeds[name] for name in which))
    with machine.studio("-".join(which)) as studio, ExitStack() as hosts:
        studio.fill(count)
        for name in which:
            hosts.enter_context(studio.host(name, *UNLIKE[name]))
        with studio.daemon(hosts=True, sleeps=str(SLEEP)):
            wait_until(lambda: studio.count() == count)
            run = studio.done(slots)
    steady = slice(slots, count - AHEAD * slots)
    came, makers = run.came[steady], run.makers[steady]
    return replace(run, came=came, makers=makers), (len(came) - 1) / (came[-1] - came[0])


def shares(machine: Machine) -> list[Figures]:
    """Return what each of the unlike hosts can do, and what it did beside the others."""
    alone = {name: unlike(machine, (name,), UNLIKE_S / 2)[1] for name in UNLIKE}
    run, together = unlike(machine, tuple(UNLIKE), UNLIKE_S)
    rows = []
    for name, (slots, drawn) in UNLIKE.items():
        speed = alone[name] / sum(alone.values())
        share = run.makers.count(name) / len(run.makers)
        row = {"host": name, "slots": slots, "sleeps_s": drawn, "alone": alone[name]}
        rows.append({**row, "speed": speed, "share": share, "together": share * together})
        print(f"{name}: {alone[name]:.2f} pictures/s alone, {speed:.1%} of the speed, {share:.1%}")
    return rows


def _cpu(cpu_ms: dict[str, float]) -> str:
    return "CPU ms: " + ", ".join(f"{whose} {used:.0f}" for whose, used in cpu_ms.items())


def measure(machine: Machine, asked: tuple[int, ...], *, fair: bool) -> Figures:
    """Measure all, and print it as it comes."""
    here = alone(machine)
    print(f"alone: {here.slot_s:.3f} s a picture, {_cpu(here.cpu_ms)}", flush=True)
    rows: list[Figures] = []
    for slots in asked:
        run = with_hosts(machine, slots)
        rows.append({"slots": slots, "slot_s": run.slot_s, "cpu_ms": run.cpu_ms})
        told = f"{slots} slots: {run.slot_s:.3f} s, {SLEEP / run.slot_s:.2f}, litter {run.litter}"
        print(f"{told}, {_cpu(run.cpu_ms)}", flush=True)
    figures: Figures = {
        "sleep_s": SLEEP,
        "alone_s": here.slot_s,
        "alone_cpu_ms": here.cpu_ms,
        "rows": rows,
        "shares": shares(machine) if fair else [],
    }
    by_slots = {row["slots"]: row["slot_s"] for row in rows}
    if pace := by_slots.get(4):
        figures["killed"] = one_killed(machine, pace)
        print(f"killed: {figures['killed']}")
    figures["load"] = os.getloadavg()
    return figures


def goals(figures: Figures) -> list[Goal]:
    """Return the goals."""
    found = []
    for row in figures["rows"]:
        limit = 0.7 if row["slots"] > 8 else 0.85
        work = f"hosts with {row['slots']} slots, a network of {figures['sleep_s']} s: efficiency"
        found.append(Goal(work, figures["sleep_s"] / row["slot_s"], limit, at_least=True))
    for row in figures.get("shares", ()):
        off = abs(row["share"] / row["speed"] - 1)
        work = f"hosts of different speeds, {row['host']}: its share of the pictures is off by"
        found.append(Goal(work, 100 * off, 5, "%"))
    one = next((row["slot_s"] for row in figures["rows"] if row["slots"] == 1), None)
    if one is not None:
        more = 1000 * (one - figures["alone_s"])
        found.append(Goal("a picture over the hub: longer than here by", more, 20, "ms"))
    if killed := figures.get("killed"):
        found.append(Goal("a host killed in the middle: lost", killed["lost_s"], 1, "s"))
    return found


def section(figures: Figures) -> list[str]:
    """Return the section of the page."""
    rows = [
        (
            str(row["slots"]),
            " + ".join(map(str, _layout(row["slots"]))),
            figures["sleep_s"] / row["slot_s"],
            1000 * row["slot_s"],
            row["slots"] / row["slot_s"],
            *(row["cpu_ms"][whose] for whose in ("daemon", "hosts", "broker")),
        )
        for row in figures["rows"]
    ]
    load = ", ".join(f"{one:.1f}" for one in figures["load"])
    text = (
        f"A network that sleeps {figures['sleep_s']} s, pictures of 0.1 MP on a tmpfs, broker, "
        "daemon (`here: 0`) and hosts on this one machine: what the way over the hub costs. "
        "*Efficiency* is the sleep over what a slot takes for a picture. Here, one after the "
        f"other, a picture takes {number(1000 * figures['alone_s'])} ms, of which "
        f"{number(figures['alone_cpu_ms']['daemon'])} the processor's. The machine's load in 1, "
        f"5 and 15 minutes at the end was {load}."
    )
    if killed := figures.get("killed"):
        text += (
            f" One of two hosts with four slots each was killed with {killed['left']} pictures "
            f"left: all came out, {number(killed['lost_s'])} s later than the other's slots "
            "need for them."
        )
    headings = (
        *("slots", "of hosts", "efficiency", "ms a picture and slot", "pictures /s"),
        *("CPU ms a picture: daemon", "hosts", "broker"),
    )
    return ["### Hosts\n", f"{text}\n", f"{table(headings, rows)}\n", *_told_of(figures)]


def _told_of(figures: Figures) -> list[str]:
    rows = [
        (
            row["host"],
            str(row["slots"]),
            row["sleeps_s"],
            row["alone"],
            f"{row['speed']:.1%}",
            f"{row['share']:.1%}",
        )
        for row in figures.get("shares", ())
    ]
    if not rows:
        return []
    headings = ("host", "slots", "its network takes, s", "alone /s", "of the speed", "made")
    text = "Hosts of different speeds at one hub: the share that each has of the speed, and made."
    return [f"{text}\n", f"{table(headings, rows)}\n"]


def main() -> None:
    """Measure, print and keep."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    options = parser(__doc__)
    options.add_argument("what", nargs="*", metavar="SLOTS|shares")
    arguments = options.parse_args()
    where = place(arguments)
    asked = tuple(int(word) for word in arguments.what if word != "shares")
    slots, fair = (asked, "shares" in arguments.what) if arguments.what else (SLOTS, True)
    with ExitStack() as held:
        figures = measure(Machine(where, held), slots, fair=fair)
    where.save("hub", figures)
    print(table(("work", "goal", "measured", ""), [goal.row() for goal in goals(figures)]))
    print("\n".join(section(figures)))


if __name__ == "__main__":
    main()
