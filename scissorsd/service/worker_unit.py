"""The unit of `scissorsd worker`, as text: the shipped one, and what `--service install` writes.

`python -m scissorsd.service.worker_unit` writes the shipped file in systemd/ anew.
"""

import sys
from dataclasses import dataclass

from scissorsd.errors import EXIT_BAD_CONFIG
from scissorsd.service.unit import ACCOUNT, FOLDER, MODELS, WRITTEN, plain_or_quoted

NAME = "scissorsd-worker.service"

_MARKED = f"""\
{WRITTEN}worker --service install", which writes it anew; `--service uninstall` takes it away.
# Settings of your own belong in a drop-in: systemctl edit scissorsd-worker
"""
_BY_HAND = """\
# Cuts pictures for a daemon on another machine: docs/hosts.md.
# `scissorsd worker JOINFILE --service install` writes this with the paths of your installation.
"""
_HEAD = """
[Unit]
Description=scissorsd worker, cuts for a daemon on another machine
Wants=network-online.target
After=network-online.target remote-fs.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
"""
_LIFE = f"""\
User={ACCOUNT}
Group={ACCOUNT}
StateDirectory=scissorsd
Environment=U2NET_HOME={MODELS}
# Without this, onnxruntime tells its makers of every session.
Environment=ORT_DISABLE_TELEMETRY=1

# Always: it ends itself where a share hangs in every slot, and others take what it had in hand.
Restart=always
RestartSec=15s
RestartPreventExitStatus={EXIT_BAD_CONFIG}
# The first start fetches 176 MB of weights.
TimeoutStartSec=15min
# SIGTERM lets it finish and answer what it has in hand.
TimeoutStopSec=90s
KillMode=mixed
UMask=0022
Nice=10
CPUWeight=50
LimitNOFILE=8192

NoNewPrivileges=yes
ProtectSystem=full
"""
_END = """\
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True, slots=True)
class WorkerUnit:
    """What differs from one unit to another; every path is absolute."""

    program: tuple[str, ...] = ("/opt/scissorsd/bin/scissorsd",)
    words: tuple[str, ...] = ("worker", "/etc/scissorsd/studio.join")
    open_tmp: bool = False  # something of it lies in /tmp or /var/tmp
    marked: bool = True  # as a file that `--service uninstall` may remove


def text(unit: WorkerUnit) -> str:
    """Return the unit's text; raises UsageError for a path that no unit can hold."""
    # the program is no place for variables, and so its $ is left alone
    program, *words = (*unit.program, *unit.words)
    command = [plain_or_quoted(program), *(plain_or_quoted(word, "$") for word in words)]
    parts = [
        _MARKED if unit.marked else _BY_HAND,
        _HEAD,
        f"ExecStart={' '.join(command)}\n",
        _LIFE,
        f"PrivateTmp={'no' if unit.open_tmp else 'yes'}\n",
        _END,
    ]
    return "".join(parts)


def shipped() -> str:
    """Return the file in systemd/."""
    return text(WorkerUnit(marked=False))


def main() -> None:
    """Write the file in systemd/ anew."""
    (FOLDER / NAME).write_text(shipped(), encoding="utf-8")
    sys.stdout.write(f"{FOLDER / NAME}\n")


if __name__ == "__main__":
    main()
