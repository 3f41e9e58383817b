"""What is said of the error that ends a command, and the exit code."""

import errno
import os

from scissorsd.commands.messages import complain, in_words, write_lines
from scissorsd.errors import EXIT_FAILURE, ConfigError, ScissorsError
from scissorsd.folders.holding import ADVICE


def explain(error: Exception) -> int:
    """Say in a line or two what ended the command; return the exit code."""
    if isinstance(error, ConfigError):
        write_lines(error.problems)
        return error.exit_code
    if isinstance(error, ScissorsError):
        complain(in_words(error))
        return error.exit_code
    if limit := _limit_reached(error) or _refused(error):
        complain(limit)
        return EXIT_FAILURE
    complain(f"something unforeseen went wrong: {type(error).__name__}: {error}")
    complain("run it again with --debug to see where, and please report it")
    complain(_report(error))
    return EXIT_FAILURE


def _limit_reached(error: Exception) -> str:
    """Say which limit of the machine an error means, or '' if it means none."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for this (ulimit -v, the container's limit, the machine)"
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        from scissorsd.machine import TOO_FEW_THREADS

        return f"no thread can be started: {TOO_FEW_THREADS}"
    return ""


def _refused(error: Exception) -> str:
    """Say which path the system does not let us look at; '' where the error is another one.

    A path that somebody names is looked at in many places, and a `Path` raises where it may not.
    """
    if not isinstance(error, OSError) or error.filename is None:
        return ""
    path, reason = os.fsdecode(error.filename), f"{error.strerror}"
    if error.errno == errno.ENAMETOOLONG:
        return f"{path}: {reason}"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"{path}: {reason}\n{ADVICE[error.errno]}"
    return ""


def _report(error: Exception) -> str:
    """Write the report of an unforeseen fault; say where it is, or why there is none."""
    from scissorsd.commands import fault_report

    try:
        return f"a report without any picture is in {fault_report.write(error)}"
    except Exception as failure:  # noqa: BLE001 - the fault itself has been told by now
        return f"no report could be written: {type(failure).__name__}: {failure}"
