"""These tests change the machine they run on, so they say plainly where they do not run."""

import os
from pathlib import Path

import pytest


def why_not_here() -> str:
    """Say why a service cannot be tried on this machine, or nothing."""
    if os.geteuid() != 0:
        return "services are installed by root"
    if Path("/proc/1/comm").read_text().strip() != "systemd":
        return "PID 1 is not systemd here"
    if Path("/etc/systemd/system/scissorsd.service").exists():
        return "this machine has a scissorsd service, which is not ours to replace"
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test here, and skip it with its reason where it cannot run."""
    why = why_not_here()
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.system)
            if why:
                item.add_marker(pytest.mark.skip(reason=why))
