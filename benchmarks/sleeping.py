"""Run scissorsd with a network that only sleeps: all else of a picture's way is as it is.

`python benchmarks/sleeping.py SECONDS run -c FILE`, or any other command. For SECONDS may stand
LEAST-MOST: each sleep is drawn from between. What it answers is one ellipse, always the same.
"""

import random
import sys
from time import sleep

import numpy as np

from scissorsd import cli
from scissorsd.inference import sessions


def main() -> None:
    """Replace what runs a session, and become scissorsd."""
    seconds = [float(word) for word in sys.argv[1].split("-")]
    across, down = np.meshgrid(np.linspace(-1, 1, 320), np.linspace(-1, 1, 320))
    subject = np.where(across**2 + (down / 0.6) ** 2 < 0.5, 1, 0).astype(np.float32)

    def run(_session: object, _network_input: object) -> object:
        sleep(random.uniform(seconds[0], seconds[-1]))  # noqa: S311 - not for secrets
        return subject.copy()

    setattr(sessions, "_run", run)  # noqa: B010 - mypy does not let a private name be replaced
    sys.argv = ["scissorsd", *sys.argv[2:]]
    cli.main()


if __name__ == "__main__":
    main()
