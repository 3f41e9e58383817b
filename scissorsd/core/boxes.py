"""Rectangles of a picture, in pixels."""

Box = tuple[int, int, int, int]  # left, top, right, bottom; the last two are just outside
Region = tuple[float, float, float, float]  # the same, between pixels
