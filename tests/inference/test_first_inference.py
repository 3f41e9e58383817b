"""Two threads that make the first inference of a process together do not stop it for ever."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

SCRIPT = """
import faulthandler, sys, threading
from pathlib import Path
import numpy as np
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.inference.sessions import Sessions

faulthandler.dump_traceback_later(100, exit=True)
folder, provider = sys.argv[1:]
sessions = Sessions(models=CATALOGUE, folder=Path(folder), providers=[provider], threads=1)
assert sessions.open("u2netp").provider == provider
barrier = threading.Barrier(2)

def first() -> None:
    barrier.wait()
    sessions.run("u2netp", np.zeros((1, 3, 320, 320), np.float32))

threads = [threading.Thread(target=first) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("both")
"""


def run_once(folder: Path, provider: str) -> str:
    """Let a new process make its first two inferences at once; give its last word."""
    command = [sys.executable, "-c", SCRIPT, str(folder), provider]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()[-1] if done.returncode == 0 else done.stderr


@pytest.mark.parametrize(
    ("provider", "times"),
    [
        pytest.param("openvino", 4, marks=pytest.mark.full),
        ("cpu", 2),
        pytest.param("openvino", 8, marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
        pytest.param("cpu", 8, marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
    ],
)
def test_first_inferences_at_once(models_folder: Path, provider: str, times: int) -> None:
    """Each of so many processes ends, though its threads meet in the first inference."""
    if provider == "openvino":
        pytest.importorskip("openvino", reason="openvino is for x86-64 only")
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda _: run_once(models_folder, provider), range(times)))
    assert said == ["both"] * times
