"""Opening a model on the best provider that will have it, and telling of those that would not."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from scissorsd.inference.demands import Demands
from scissorsd.inference.knowledge import Knowledge
from scissorsd.inference.model_state import ModelState
from scissorsd.inference.onnx_runtime import RefusedError
from scissorsd.inference.providers import GPU_PROVIDERS, Opener, ProviderName, Session, described
from scissorsd.machine import expects_gpu


class Int8FailedError(Exception):
    """The converted network could not be opened; from now on OpenVINO computes in its usual way."""


@dataclass(frozen=True, slots=True)
class Chooser:
    """Opens sessions for the models of one process; its methods may be called by any thread."""

    knowledge: Knowledge
    demands: Demands
    named: bool  # a person named the providers, and is warned of one that is refused
    require_gpu: bool
    opener: Opener
    clock: Callable[[], float]
    log: Any  # structlog's

    def open_best(self, state: ModelState) -> Session:
        """Take the first provider that does not back off and opens; the state's lock is held."""
        refused: list[str] = []
        passed = set(state.back_offs)
        while provider := next((p for p in state.order if p not in passed), None):
            passed.add(provider)
            try:
                session = self.open_on(state, provider)
            except Int8FailedError:
                passed.remove(provider)  # in its usual way its turn may come later
            except RefusedError as refusal:
                if state.refused.get(provider) != refusal.what:  # the same is told once
                    refused.append(provider)
                state.note_refusal(provider, refusal, self.clock())
            else:
                self.tell_refused(state, refused, expected=not self.named)
                return session
        state.back_offs.clear()
        raise state.none_opens(require_gpu=self.require_gpu)

    def open_on(
        self, state: ModelState, provider: ProviderName, *, still: Callable[[], bool] | None = None
    ) -> Session:
        """Open a session on this provider, in the stead of any other.

        Raises RefusedError or Int8FailedError: nothing is changed by it but, by the latter, the
        order. Where `still` does not hold by then, the one that was open stays.
        """
        model, threads = state.model, self.demands.threads
        began = time.perf_counter()
        int8 = self.knowledge.int8_for(model) if provider == "openvino" and state.int8 else None
        if int8 and state.int8:
            converted = int8.opened(model, state.int8)
            if converted is None:
                with state.lock:
                    state.int8_failed = True
                    self.knowledge.apply(state)
                raise Int8FailedError
            session: Session = converted
        else:
            fast = self.demands.fast(model)
            session = self.opener(model, state.path, provider, fast=fast, threads=threads)
        seconds = time.perf_counter() - began
        with state.lock:
            if still is not None and not still():
                return session
            state.refused.pop(provider, None)
            state.session = session
            state.describe()
        self.log.info(
            "session.opened",
            model=model.name,
            provider=session.provider,
            precision=session.precision,
            seconds=round(seconds, 3),
            threads=threads,
            how=described(session),
        )
        return session

    def tell_refused(
        self, state: ModelState, refused: Sequence[str], *, expected: bool = False
    ) -> None:
        """Log which providers do not have the model, and which one has it instead."""
        for provider in refused:
            missed = provider in GPU_PROVIDERS and expects_gpu()
            tell = self.log.info if expected and not missed else self.log.warning
            tell(
                "session.fell_back",
                model=state.model.name,
                asked=provider,
                provider=state.session.provider if state.session else None,
                reason=state.refused[provider],
            )
