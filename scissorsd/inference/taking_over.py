"""Going over to what was found out to be better, while pictures go on with what is open."""

from collections.abc import Callable

from scissorsd.inference.choosing import Chooser, Int8FailedError
from scissorsd.inference.finding_out import Learnt
from scissorsd.inference.model_state import ModelState
from scissorsd.inference.onnx_runtime import RefusedError, in_plain_words
from scissorsd.inference.providers import ProviderName


def take_over(
    state: ModelState, learnt: Learnt, chooser: Chooser, *, is_in_use: Callable[[], bool]
) -> None:
    """Let the model run on the best that is known now; what is open stays where that fails.

    Nothing is changed or told once the model is no longer in use: its sessions were closed, or a
    reload has described it anew.
    """
    with state.lock:
        if not is_in_use():
            return
        state.int8_failed = state.int8_failed and not learnt.int8
        state.refused.update(learnt.refused)
        chooser.knowledge.apply(state)
        chooser.tell_refused(state, list(learnt.refused), expected=True)
    while is_in_use() and (provider := better(state)):
        try:
            chooser.open_on(
                state, provider, still=lambda: is_in_use() and better(state) is not None
            )
        except Int8FailedError:
            continue  # the order is another one now
        except Exception as error:  # noqa: BLE001 - whatever it is, what is open works
            refusal = error if isinstance(error, RefusedError) else _passing(error)
            with state.lock:
                state.note_refusal(provider, refusal, chooser.clock())
                state.describe()
                if is_in_use():
                    chooser.tell_refused(state, [provider])


def better(state: ModelState) -> ProviderName | None:
    """Return the provider to go over to, which may be the same in int8; None: the best is in use.

    Without a session there is nothing to go over from: the next picture opens the best.
    """
    session = state.session
    if session is None:
        return None
    for provider in state.order:
        if provider == session.provider:
            has_int8 = provider == "openvino" and state.int8 is not None
            return provider if has_int8 and session.precision != "int8" else None
        if provider not in state.refused and provider not in state.back_offs:
            return provider
    return None


def _passing(error: Exception) -> RefusedError:
    return RefusedError(in_plain_words(error), passing=True)
