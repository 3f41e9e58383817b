"""Finding out in the background what is not known yet, by a process of its own (trial.py).

Pictures are cut meanwhile with whatever provider opens.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scissorsd import failpoints
from scissorsd.core.catalogue import Model
from scissorsd.inference.demands import Demands
from scissorsd.inference.int8 import Findings
from scissorsd.inference.knowledge import Knowledge, Questions
from scissorsd.inference.onnx_runtime import FULL
from scissorsd.inference.providers import BUSY
from scissorsd.inference.trial import Order
from scissorsd.machine import memory_bounds

# Seconds of work before anything is found out, so that a run of a few pictures does not.
_AFTER = failpoints.seconds("TRIAL_AFTER", 5.0)
# Seconds before providers are timed again that were disturbed, for as often as that is done; the
# last time is taken as it is.
_AGAIN = (60.0, 600.0)
_LIMIT = 3600.0  # seconds for it all: it gives way to all else
# A little: what it takes of the CPUs it takes anyway, and the sooner it has ended, the sooner all
# pictures are cut in half the time.
_NICER = 5
# What a trial takes of memory, rounded up: 942 MB were measured for u2net.
_BYTES_AT_LEAST = 200 << 20
_TIMES_THE_WEIGHTS = 5

DISTURBED = "other work of the machine disturbed it"


@dataclass(frozen=True, slots=True)
class Learnt:
    """What came of a trial besides what is remembered."""

    refused: Mapping[str, str] = field(default_factory=dict)  # provider that failed: reason
    int8: bool = False  # it was found right and faster


@dataclass(slots=True)
class _Answers:
    """What the process said; `reason` tells why it said no more."""

    seconds: dict[str, float] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    int8: Findings | None = None
    reason: str = ""
    spread: float = 1.0  # of equal inferences, the greatest among the providers

    def add(self, told: dict[str, Any]) -> None:
        """Add one line of it: what came of a provider, or of int8."""
        if "provider" not in told:
            self.int8 = Findings(told["difference"], told["times_as_fast"])
        elif told["reason"]:
            self.refused[told["provider"]] = told["reason"]
        else:
            self.seconds[told["provider"]] = told["seconds"]
            self.spread = max(self.spread, told["spread"])

    @property
    def were_disturbed(self) -> bool:
        """Whether other work of the machine was in the way of the timing."""
        return self.spread >= BUSY


class FindingOut:
    """The trials of one process, one after the other; its methods may be called by any thread."""

    def __init__(self, knowledge: Knowledge, demands: Demands, folder: Path, *, log: Any) -> None:  # noqa: ANN401 - structlog's
        self._knowledge = knowledge
        self._demands = demands
        self._folder = folder
        self._log = log
        self._closed = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._turn = threading.Lock()  # two at once would take the memory of two
        self._begun = set[Model]()

    def begin(
        self, model: Model, questions: Callable[[], Questions], then: Callable[[Learnt], None]
    ) -> None:
        """Have the questions answered in the background, and remembered, and call `then`.

        They are asked again before the trial, since another process may have answered them by
        then. Of each model there is one trial in the life of this process.
        """
        if model in self._begun or questions().are_none:
            return
        self._begun.add(model)
        threading.Thread(
            target=self._find_out, args=(model, questions, then), daemon=True, name="trial"
        ).start()

    def close(self) -> None:
        """End what is being found out; nothing is remembered, called or logged after that."""
        self._closed.set()
        if self._process is not None:
            self._process.kill()

    def _find_out(
        self, model: Model, questions: Callable[[], Questions], then: Callable[[Learnt], None]
    ) -> None:
        for pause, again_in in zip((_AFTER, *_AGAIN), (*_AGAIN, None), strict=True):
            if self._closed.wait(pause):
                return
            with self._turn:
                asked = questions()
                if asked.are_none or self._closed.is_set():
                    answers, learnt = _Answers(), Learnt()
                else:
                    answers = self._asked(model, asked)
                    if self._closed.is_set():
                        return
                    learnt = self._learn(model, asked, answers, is_last=again_in is None)
            if self._closed.is_set():
                return
            then(learnt)
            if again_in is None or not answers.were_disturbed:
                return
            self._log.info("timing.repeated", model=model.name, why=DISTURBED, again_in_s=again_in)

    def time_now(self, model: Model, asked: Questions) -> tuple[dict[str, float], str]:
        """Have the questions answered while the caller waits, and remembered.

        Returns the seconds of each provider, and why they were not remembered, or "".
        """
        for _ in range(1 + len(_AGAIN)):
            answers = self._answers(model, asked)
            if not answers.were_disturbed:
                break
        self._learn(model, asked, answers, is_last=False)
        if answers.were_disturbed:
            return answers.seconds, DISTURBED
        failed = [f"{name}: {why}" for name, why in answers.refused.items()]
        return answers.seconds, "" if answers.seconds else "; ".join(failed) or answers.reason

    def _asked(self, model: Model, asked: Questions) -> _Answers:
        if asked.providers:
            self._log.info("providers.timing", model=model.name, providers=asked.providers)
        return self._answers(model, asked)

    def _learn(self, model: Model, asked: Questions, answers: _Answers, *, is_last: bool) -> Learnt:
        """Remember what was answered; of speeds that were disturbed only the last."""
        is_timed = asked.providers and (is_last or not answers.were_disturbed)
        return Learnt(
            self._learn_speeds(model, asked, answers) if is_timed else {},
            int8=asked.int8 and self._learn_int8(model, answers),
        )

    def _learn_speeds(self, model: Model, asked: Questions, answers: _Answers) -> Mapping[str, str]:
        """Remember how fast the providers are; return those that failed, and why."""
        reason = answers.reason
        if answers.seconds.keys() | answers.refused.keys() == {*asked.providers}:
            # a memory that is full says nothing of a provider
            failed = [f"{name}: {why}" for name, why in answers.refused.items() if FULL in why]
            if not failed and answers.seconds:
                self._knowledge.remember_speeds(model, answers.seconds)
                rounded = {name: round(value, 3) for name, value in answers.seconds.items()}
                self._log.info("providers.timed", model=model.name, seconds=rounded)
                return answers.refused
            failed = failed or [f"{name}: {why}" for name, why in answers.refused.items()]
            reason = "; ".join(failed)
        self._log.info("timing.failed", model=model.name, reason=reason)
        return {}

    def _learn_int8(self, model: Model, answers: _Answers) -> bool:
        """Remember what int8 came to; tell whether it is to be used."""
        found = answers.int8
        if found is None:
            self._log.info("int8.failed", model=model.name, reason=answers.reason)
            return False
        is_good = self._knowledge.remember_int8(model, found)
        rounded = {name: round(value, 4) for name, value in asdict(found).items()}
        self._log.info("int8.tried", model=model.name, taken=is_good, **rounded)
        return is_good

    def _answers(self, model: Model, asked: Questions) -> _Answers:
        if reason := _too_little_memory(self._folder / model.file):
            return _Answers(reason=reason)
        int8 = self._knowledge.int8_for(model) if asked.int8 else None
        order = Order(
            model,
            str(self._folder),
            asked.providers,
            tuple(str(place) for place in int8.places(model)) if int8 else (),
            fast=self._demands.fast(model),
            threads=self._demands.threads,
            nicer=_NICER,
            asker=os.getpid(),
        )
        try:
            return self._said(order)
        except OSError as error:
            return _Answers(reason=error.strerror or str(error))

    def _said(self, order: Order) -> _Answers:
        """Run the process; return what it said."""
        # -P: what lies in the working folder, an inbox it may be, is no module of ours
        command = [sys.executable, "-P", "-m", "scissorsd.inference.trial", order.to_json()]
        process = self._process = subprocess.Popen(  # noqa: S603 - ourselves
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is not for it
        )
        if self._closed.is_set():  # just now
            process.kill()
        late = ""
        try:
            said, complaint = process.communicate(timeout=_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            said, complaint = process.communicate()
            late = f"it took more than {_LIMIT:.0f} s"
        answers = _Answers()
        try:
            for line in said.splitlines():
                answers.add(json.loads(line))
        except (ValueError, KeyError) as error:
            answers.reason = f"its process said what it should not: {error!r}"
        else:
            last = complaint.strip().rpartition("\n")[2]
            answers.reason = late or last or f"its process ended with {process.returncode}"
        return answers


def _too_little_memory(weights: Path) -> str:
    """Say how much memory is lacking for a trial, or nothing."""
    with suppress(OSError):  # the trial itself says what is wrong with the file
        needed = _BYTES_AT_LEAST + _TIMES_THE_WEIGHTS * weights.stat().st_size
        bound = next(iter(memory_bounds()), None)
        if bound is not None and bound.left < needed:
            return f"{bound.who} leaves {bound.left >> 20} MiB; to try it takes {needed >> 20}"
    return ""
