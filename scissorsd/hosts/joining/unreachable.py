"""Why a hub cannot be reached, or does not let one in: in words for a person."""

import socket
import ssl
from typing import Final

from amqp.exceptions import (
    AccessRefused,
    MessageNacked,
    NotAllowed,
    NotFound,
    PreconditionFailed,
)

from scissorsd.errors import ScissorsError
from scissorsd.hosts.joining.join import Join

_BROKER_ANEW: Final = "Start the broker again with the definitions.json of `scissorsd hub init`."
_CERTIFICATE_ANEW: Final = "and start the broker again with the new certificate."

# The kind of an error, what stands in its text, what it means, and what to do: the first that fits.
_MEANINGS: Final[tuple[tuple[type[BaseException], str, str, str], ...]] = (
    (
        ssl.SSLCertVerificationError,
        "mismatch",
        "the certificate of the hub {at} is not for the name {host!r}",
        (
            "Where the hub was set up, run `scissorsd hub init FOLDER --host {host}`, "
            f"{_CERTIFICATE_ANEW}"
        ),
    ),
    (
        ssl.SSLCertVerificationError,
        "not yet valid",
        "the certificate of the hub {at} is not valid yet",
        "Is this machine's clock right?",
    ),
    (
        ssl.SSLCertVerificationError,
        "expired",
        "the certificate of the hub {at} has run out",
        f"Where the hub was set up, run `scissorsd hub init FOLDER`, {_CERTIFICATE_ANEW}",
    ),
    (
        ssl.SSLCertVerificationError,
        "",
        "the certificate of the hub {at} is not of the CA in the join file",
        "Is it another hub, or was its folder made anew? Fetch its join file.",
    ),
    (
        ssl.SSLError,
        "",
        "{at} does not speak TLS as a hub does: {text}",
        "`listeners.ssl.default` in the hub's rabbitmq.conf names its port.",
    ),
    (
        AccessRefused,
        "Login was refused",
        "the hub {at} does not take the secret of the user {user!r}",
        (
            "Fetch the join file anew from where `scissorsd hub init` wrote it. If it is that "
            f"one: {_BROKER_ANEW}"
        ),
    ),
    (
        AccessRefused,
        "",
        "the hub {at} does not allow that to the user {user!r}: {text}",
        f"A daemon needs watcher.join, a host studio.join. If it has that: {_BROKER_ANEW}",
    ),
    (
        NotAllowed,
        "",
        "the hub {at} does not let the user {user!r} in: {text}",
        _BROKER_ANEW,
    ),
    (NotFound, "", "the hub {at} lacks what it should have: {text}", _BROKER_ANEW),
    (
        PreconditionFailed,
        "",
        "what is at the hub {at} is not as it should be: {text}",
        "Was it made by hand? Delete it on RabbitMQ's own pages. " + _BROKER_ANEW,
    ),
    (
        socket.gaierror,
        "",
        "no machine is known here by the hub's name, {host!r}",
        (
            "Enter it in DNS or /etc/hosts; or write another name, for which `scissorsd hub init "
            "FOLDER --host NAME` was run, into `url` of the join file."
        ),
    ),
    (MessageNacked, "", "the hub {at} does not take what is sent to it", ""),
    (ConnectionRefusedError, "", "nothing listens at the hub's address, {at}", "Does it run?"),
    (
        TimeoutError,
        "",
        "the hub {at} does not answer",
        "Is that machine on, and port {port} open there?",
    ),
    (OSError, "", "the hub {at} cannot be reached: {text}", ""),
)
_KINDS: Final = tuple(kind for kind, _, _, _ in _MEANINGS)


def in_words(error: BaseException, join: Join) -> ScissorsError:
    """Return what an error of a connection to the hub means; the secret is not in it.

    An error of kombu's or Celery's, which wraps the one that matters, may be given as it is.
    """
    cause = cause_of(error)
    what, advice = "the hub {at} cannot be used: {text}", ""
    for kind, needle, meaning, remedy in _MEANINGS:
        if isinstance(cause, kind) and needle in str(cause):
            what, advice = meaning, remedy
            break
    host, port = join.address.host, join.address.port
    words = {
        "at": f"{host}:{port}",
        "host": host,
        "port": port,
        "user": join.user,
        "text": getattr(cause, "strerror", None) or getattr(cause, "reply_text", None) or cause,
    }
    told = ScissorsError(what.format(**words), advice.format(**words))
    told.__cause__ = error
    return told


def cause_of(error: BaseException) -> BaseException:
    """Return the error inside of those that kombu and Celery wrap around it."""
    inner: BaseException | None = error
    while inner is not None and not isinstance(inner, _KINDS):
        inner = inner.__cause__ or inner.__context__
    return inner or error
