"""Covariances of three colours at every place: symmetric 3 × 3 matrices, a plane for each entry.

Such a matrix is given by its upper triangle: rr, rg, rb, gg, gb, bb.
"""

import numpy as np
from numpy.typing import NDArray

Planes = NDArray[np.floating]  # so many × height × width


def products(colours: Planes) -> Planes:
    """Multiply the colours with each other."""
    r, g, b = colours
    return np.stack([r * r, r * g, r * b, g * g, g * b, b * b])


def covariances(mean: Planes, mean_products: Planes, smooth: float) -> Planes:
    """Return the upper triangle of the colours' covariance, `smooth` added to the variances."""
    found: Planes = mean_products - products(mean)
    found[[0, 3, 5]] += smooth
    return found


def inverse(triangle: Planes) -> Planes:
    """Invert the matrices."""
    rr, rg, rb, gg, gb, bb = triangle
    adjugate = [
        gg * bb - gb * gb,
        rb * gb - rg * bb,
        rg * gb - rb * gg,
        rr * bb - rb * rb,
        rb * rg - rr * gb,
        rr * gg - rg * rg,
    ]
    determinant = rr * adjugate[0] + rg * adjugate[1] + rb * adjugate[2]
    inverted: Planes = np.stack(adjugate) / determinant
    return inverted


def times(triangle: Planes, vector: Planes) -> Planes:
    """Multiply the matrices with vectors."""
    rr, rg, rb, gg, gb, bb = triangle
    r, g, b = vector
    return np.stack([rr * r + rg * g + rb * b, rg * r + gg * g + gb * b, rb * r + gb * g + bb * b])
