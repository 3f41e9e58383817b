"""What names may tell of a picture itself: see `core.file_names.OF_THE_PICTURE`."""

from datetime import datetime

from scissorsd.core.file_names import Facts
from scissorsd.core.settling import Sighting
from scissorsd.pictures.metadata import taken_on
from scissorsd.pictures.picture import Picture


def facts_of(picture: Picture, source: Sighting) -> Facts:
    """Return the facts of a picture that was read: its size as it is seen, and its day.

    Where EXIF does not tell when it was taken, that is the day of its file, here.
    """
    height, width = picture.rgb.shape[:2]
    of_the_file = datetime.fromtimestamp(source.mtime_ns / 1e9).astimezone().strftime("%Y-%m-%d")
    taken = taken_on(picture.metadata) or of_the_file
    return {"taken": taken, "width": str(width), "height": str(height)}
