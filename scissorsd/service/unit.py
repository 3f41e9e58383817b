"""The systemd unit and the files beside it, as text.

The shipped unit and what `scissorsd service install` writes are one text with other paths in it.
`python -m scissorsd.service.unit` writes the shipped files in systemd/ anew.
"""

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scissorsd.errors import EXIT_BAD_CONFIG, UsageError
from scissorsd.settings import DEFAULT_CONFIG, DEFAULT_STATE

FOLDER = Path(__file__).resolve().parents[2] / "systemd"
WRITTEN = '# Written by "scissorsd '  # begins what we may write anew, and take away
MARK = f'{WRITTEN}service install"'
ACCOUNT = "scissorsd"
STATE = str(DEFAULT_STATE)
MODELS = f"{STATE}/models"
NOTIFY_RELOAD = 253  # the first systemd with Type=notify-reload
GROWING_DELAYS = 254  # ... and with RestartSteps=, which older ones complain of and ignore

_CONTROLS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # and bytes that are not UTF-8

_MARKED = f"""\
{MARK}, which writes it anew; "scissorsd service uninstall" takes it away.
# Settings of your own belong in a drop-in: systemctl edit scissorsd
"""
_SHIPPED = """\
# `scissorsd service install` writes this with the paths of your installation and configuration.
# Installed by hand, it needs a drop-in that names the folders it may write to: docs/service.md.
# `python -m scissorsd.service.unit` writes this file anew.
"""
_RELOAD_BY_SIGNAL = """\
# notify-reload would be better, and needs systemd 253; Debian 12 has 252.
Type=notify
NotifyAccess=main
ExecReload=kill -HUP $MAINPID
"""
_RELOAD_BY_NOTICE = """\
# `systemctl reload` returns when the new configuration has been taken over or refused.
Type=notify-reload
NotifyAccess=main
"""
_DELAYS = """\
# Longer and longer between restarts, up to ten minutes.
RestartSteps=6
RestartMaxDelaySec=10min
"""
_LIFE = f"""\
# Without this, onnxruntime tells its makers of every session.
Environment=ORT_DISABLE_TELEMETRY=1

# The ping stops when the control loop or a watcher is dead.
WatchdogSec=60s
# Not SIGABRT: that would look as if a picture in hand had crashed the program.
WatchdogSignal=SIGKILL
Restart=on-failure
RestartSec=15s
# {EXIT_BAD_CONFIG}: the configuration is wrong, or the state another version's; to start again
# would mend neither.
RestartPreventExitStatus={EXIT_BAD_CONFIG}
"""
_ENDS = """\

# The first start fetches 176 MB of weights; a reasonable line is done in minutes.
TimeoutStartSec=15min
# SIGTERM lets it finish the pictures in hand.
TimeoutStopSec=2min
KillSignal=SIGTERM
KillMode=mixed
UMask=0022

# Background work: it yields to whoever sits at the machine.
# Add IOSchedulingClass=idle on a slow disk.
Nice=10
CPUWeight=50
LimitNOFILE=8192
"""
_OWN_ACCOUNT = f"""\
User={ACCOUNT}
Group={ACCOUNT}
StateDirectory=scissorsd
StateDirectoryMode=0750
# Where weights are kept if the configuration does not say.
Environment=U2NET_HOME={MODELS}

"""
# What any service manager can do, since it needs no more than NoNewPrivileges.
_FILTERS = """\

# The sandbox: all that it is allowed, by list.
NoNewPrivileges=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
# The internet is for fetching weights only; PrivateNetwork=yes in a drop-in once they are there.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
"""
_NO_SANDBOX = """\
# Left out, since only the system's manager can give them: a file system of its own (ProtectSystem,
# ProtectHome, PrivateTmp, ReadWritePaths, ProtectProc, ProtectKernel...), the bounds on
# capabilities, a name and a clock that cannot be set, RemoveIPC, and the list of devices.
"""
_SANDBOX = """\
ProtectSystem=strict
CapabilityBoundingSet=
AmbientCapabilities=
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RemoveIPC=yes
# GPUs, and no other device.
DevicePolicy=closed
DeviceAllow=char-nvidia* rw
DeviceAllow=char-drm rw
# Not set, with reasons:
#   MemoryDenyWriteExecute  OpenVINO and CUDA compile kernels as they run
#   ProcSubset=pid          cores, inotify's limits and NVIDIA's driver are read from /proc
#   PrivateDevices          hides GPUs
#   PrivateUsers            inbox and outbox belong to other users and groups
"""
SYSUSERS = f"""\
# /etc/sysusers.d/scissorsd.conf or /usr/lib/sysusers.d/scissorsd.conf
u scissorsd - "scissorsd, cuts the background out of photographs" {STATE} /usr/sbin/nologin
# Where a distribution keeps GPUs to a group, it is one of these.
m scissorsd video
m scissorsd render
"""
_TMPFILES = f"""\
# /etc/tmpfiles.d/scissorsd.conf or /usr/lib/tmpfiles.d/scissorsd.conf
d {DEFAULT_CONFIG.parent}            0755 root      root      -
d {STATE}        0750 scissorsd scissorsd -
d {MODELS} 0755 scissorsd scissorsd -
"""
_TMPFILES_ADVICE = """\
# An inbox and an outbox that a group of people share; setgid keeps what is dropped in the group.
#d /srv/shop/inbox           2775 scissorsd studio    -
#d /srv/shop/outbox          2775 scissorsd studio    -
"""


@dataclass(frozen=True, slots=True)
class Unit:
    """What differs from one unit to another; every path is absolute."""

    program: tuple[str, ...] = ("/opt/scissorsd/bin/scissorsd",)
    config: str = str(DEFAULT_CONFIG)
    writable: tuple[str, ...] = ()  # folders that are there when it starts, or it does not
    optional_writable: tuple[str, ...] = ()  # the same, but they may be missing then
    bind_paths: tuple[str, ...] = ()  # writable folders under homes
    bind_read_only_paths: tuple[str, ...] = ()  # what it must read under homes
    open_tmp: bool = False  # something of it lies in /tmp or /var/tmp
    personal: bool = False  # for the manager of one user
    systemd: int | None = None  # its version; None: any from 252
    marked: bool = True  # as a file that `service uninstall` may remove


def text(unit: Unit) -> str:
    """Return the unit's text; raises UsageError for a path that no unit can hold."""
    since = unit.systemd or 0
    parts = [
        _MARKED if unit.marked else _SHIPPED,
        _head(personal=unit.personal),
        "[Service]\n",
        _RELOAD_BY_NOTICE if since >= NOTIFY_RELOAD else _RELOAD_BY_SIGNAL,
        f"ExecStart={_command(unit)}\n",
        "" if unit.personal else _OWN_ACCOUNT,
        _LIFE,
        _DELAYS if since >= GROWING_DELAYS else "",
        _ENDS,
        _FILTERS,
        _NO_SANDBOX if unit.personal else _sandbox(unit),
        f"\n[Install]\nWantedBy={'default' if unit.personal else 'multi-user'}.target\n",
    ]
    return "".join(parts)


def _head(*, personal: bool) -> str:
    after = "" if personal else "After=network-online.target remote-fs.target\n"
    return f"""
[Unit]
Description=scissorsd, cuts the background out of photographs
{after}# It is left alone for months: it never gives up restarting.
StartLimitIntervalSec=0

"""


def _command(unit: Unit) -> str:
    words = [*unit.program[1:], "run", "-c", unit.config]
    # the program is no place for variables, and so its $ is left alone
    program = plain_or_quoted(unit.program[0])
    return " ".join([program, *(plain_or_quoted(word, "$") for word in words)])


def _sandbox(unit: Unit) -> str:
    homes = bool(unit.bind_paths or unit.bind_read_only_paths)
    lines = [f"PrivateTmp={'no' if unit.open_tmp else 'yes'}"]
    if homes:
        lines.append("# Homes are hidden but for what is named here.")
    lines.append(f"ProtectHome={'tmpfs' if homes else 'yes'}")
    lines += [f"BindPaths={plain_or_quoted(path)}" for path in unit.bind_paths]
    lines += [f"BindReadOnlyPaths={plain_or_quoted(path)}" for path in unit.bind_read_only_paths]
    if unit.open_tmp:
        lines.append("ReadWritePaths=/tmp /var/tmp")
    if unit.writable or unit.optional_writable:
        lines.append("# The configuration's folders.")
    lines += [f"ReadWritePaths={plain_or_quoted(path)}" for path in unit.writable]
    lines += [f"ReadWritePaths={plain_or_quoted('-' + path)}" for path in unit.optional_writable]
    return "\n".join(lines) + "\n" + _SANDBOX


def plain_or_quoted(word: str, doubled: str = "") -> str:
    r"""Return a word as systemd reads it back (systemd.syntax(7)): % doubled, \ and " behind a \.

    Characters in `doubled` are doubled too. Raises UsageError for control characters and for
    what is not Unicode, which a unit cannot hold.
    """
    if _CONTROLS.search(word):
        raise UsageError(
            f"{word!r} cannot stand in a unit of systemd",
            "Give the file or folder a name without control characters, in UTF-8.",
        )
    for character in ("%", *doubled):
        word = word.replace(character, character * 2)
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    harmless = escaped == word and not set(" ':;#=") & set(word) and word
    return word if harmless else f'"{escaped}"'


def tmpfiles(folders: Iterable[str] = (), *, marked: bool = True) -> str:
    """Return the folders for tmpfiles.d: the usual ones, and `folders` of the service's own."""
    more = (f"d {plain_or_quoted(path)} 0750 {ACCOUNT} {ACCOUNT} -\n" for path in folders)
    lines = "".join([_TMPFILES, *more])
    return f"{MARK}\n{lines}" if marked else lines + _TMPFILES_ADVICE


def sysusers() -> str:
    """Return the account for sysusers.d, as `service install` writes it."""
    return f"{MARK}\n{SYSUSERS}"


def shipped() -> dict[str, str]:
    """Return the files of systemd/ by name."""
    return {
        "scissorsd.service": text(Unit(marked=False)),
        "scissorsd.sysusers.conf": SYSUSERS,
        "scissorsd.tmpfiles.conf": tmpfiles(marked=False),
    }


def main() -> None:
    """Write the files of systemd/ anew."""
    for name, content in shipped().items():
        (FOLDER / name).write_text(content, encoding="utf-8")
        sys.stdout.write(f"{FOLDER / name}\n")


if __name__ == "__main__":
    main()
