"""Round the weights of convolutions to whole steps without shifting what they compute.

Where each is rounded to the nearest, the errors of a kernel's weights add up, since activations are
positive and much alike within a window: outputs are shifted the same way everywhere, and masks
shrink. Here each kernel's sum, and then each output channel's, is kept to within half a step, which
needs no data (after Guo et al., "SQuant: On-the-Fly Data-Free Quantization via Diagonal Hessian
Approximation", ICLR 2022, section 3).
"""

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float32]  # output channels × input channels × height × width


def quantise(weights: Weights, limit: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return weights as whole numbers up to ±`limit`, and the step of each output channel.

    `whole * step` is what they stand for; the steps are output channels × 1 × 1 × 1.
    """
    largest = np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    step = (np.maximum(largest, np.finfo(np.float32).tiny) / limit).astype(np.float32)
    return round_to_steps(weights / step, limit), step


def round_to_steps(weights: Weights, limit: int) -> NDArray[np.int8]:
    """Round weights that are given in steps; see above."""
    channels, inputs, height, width = weights.shape
    kernels = weights.reshape(channels * inputs, height * width)
    whole = np.rint(kernels)
    if height * width > 1:
        whole -= _corrections(whole - kernels)
    errors = whole - kernels
    per_kernel = _corrections(errors.sum(axis=1).reshape(channels, inputs)).reshape(-1)
    rows = np.flatnonzero(per_kernel)
    taps = np.argmax(errors[rows] * per_kernel[rows, None], axis=1)  # the one that is off the most
    whole[rows, taps] -= per_kernel[rows]
    return np.clip(whole, -limit, limit).astype(np.int8).reshape(weights.shape)


def _corrections(errors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return −1, 0 or 1 for each element, to be subtracted from what it is the error of.

    After that the errors of each row add up to half a step at most; in each those are changed that
    are off the most.
    """
    sums = np.rint(errors.sum(axis=1, keepdims=True))
    signs = np.where(sums < 0, -1, 1).astype(np.float32)
    order = np.argsort(-signs * errors, axis=1)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(errors.shape[1])[None], axis=1)
    return np.where(ranks < np.abs(sums), signs, np.float32(0))
