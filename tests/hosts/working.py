"""A host as a real process, and a watcher that only gives orders and hears answers."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from amqp.exceptions import InternalError
from celery import Celery
from end_to_end import forking
from kombu import Connection, Exchange, Queue
from PIL import Image

from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.rules import Rule
from scissorsd.hosts.engine import orders_queue
from scissorsd.hosts.joining.definitions import WATCHER
from scissorsd.hosts.messages import names
from scissorsd.hosts.messages.carried import head_of
from scissorsd.hosts.messages.orders import (
    Answer,
    Order,
    OrderLimits,
    Root,
    Roots,
    Source,
    described,
    read_answer,
    write_order,
)
from scissorsd.hosts.messages.packing import CONTENT_TYPE, teach_kombu
from scissorsd.hosts.watcher.outgoing import claim

from .broker import Hub

PATIENCE = 300.0  # seconds; a machine that is busy is no fault
NETWORK = "u2netp"
ID = "0a1b2c3d"  # of the watcher
RULE = Rule("all", model=NETWORK, when_no_subject="publish")


class Host:
    """`scissorsd worker` as a child; what it logs is kept."""

    before: tuple[str, ...] = ()  # a command in which it runs

    def __init__(
        self, join: Path, folder: Path, models: Path, *options: str, **environment: str
    ) -> None:
        self._log = folder / f"host-{time.monotonic_ns()}.log"
        words: tuple[str, ...] = ("--log", "json", "worker", str(join), "--models", str(models))
        words = (*words, "--model", NETWORK, "--providers", "cpu", *options)
        command = [*self.before, sys.executable, "-m", "scissorsd", *words]
        variables = {**os.environ, **environment}
        with self._log.open("wb") as log:
            said = log.fileno()
            plain = not self.before
            forked = forking.start(words, variables, Path(), said, said) if plain else None
            self.process = forked or subprocess.Popen(
                command, env=variables, stdout=log, stderr=log
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def said(self) -> str:
        """Return all that it has printed."""
        return self._log.read_text(errors="replace")

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """Return what it has logged, of one event or of all."""
        lines = [json.loads(line) for line in self.said().splitlines() if line.startswith("{")]
        return [line for line in lines if not name or line["event"] == name]

    def wait_for(self, event: str, times: int = 1) -> dict[str, Any]:
        """Wait until it has logged an event so often; return the latest."""
        deadline = time.monotonic() + PATIENCE
        while len(self.events(event)) < times:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)
        return self.events(event)[-1]

    def ready(self) -> Self:
        """Wait until it takes orders."""
        self.wait_for("host.ready")
        return self

    def stop(self) -> int:
        """End it as a service is ended; return its exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE)


def draw(path: Path, size: tuple[int, int] = (96, 64)) -> Path:
    """Draw a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", size, "white")
    picture.paste((200, 30, 30), (size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2))
    picture.save(path, "JPEG")
    return path


def order_for(picture: Path, inbox: Path, outbox: Path, **changes: Any) -> Order:  # noqa: ANN401
    """Return an order for a picture."""
    status = picture.stat()
    path = str(picture.relative_to(inbox))
    order = Order(
        scissorsd="0",
        watcher=ID,
        job=1,
        turn=1,
        inbox="shop",
        roots=Roots(Root(str(inbox)), Root(str(outbox))),
        source=Source(path, status.st_size, status.st_mtime_ns),
        head=head_of(picture.read_bytes()),
        rule=RULE,
        model=described(CATALOGUE[NETWORK]),
        outputs=(str(Path(path).with_suffix(".png")),),
        limits=OrderLimits(1 << 29, 250_000_000),
    )
    return replace(order, **changes)


@dataclass
class Watcher:
    """Gives orders for pictures in a folder, and hears the answers; it gives no file its name."""

    hub: Hub
    folder: Path
    inbox: Path = field(init=False)
    outbox: Path = field(init=False)
    given: int = 0

    def __post_init__(self) -> None:
        self.inbox, self.outbox = self.folder / "in", self.folder / "out"
        for folder in (self.inbox, self.outbox):
            folder.mkdir()
        claim(self.outbox, ID)
        self.connect()

    def connect(self) -> None:
        """Connect to the broker, anew if that was away."""
        join = self.hub.joins[WATCHER]
        teach_kombu()
        self._app = Celery("watcher", broker=join.url, set_as_current=False)
        self._app.conf.update(broker_user=join.user, broker_password=join.secret)
        # Else a broker that dies the next moment takes the order along.
        self._app.conf.broker_transport_options = {"confirm_publish": True}
        self._connection = Connection(join.url, userid=join.user, password=join.secret)
        answers = Queue(
            names.answers_queue(ID),
            Exchange(names.ANSWERS, "direct", no_declare=True),
            ID,
            queue_arguments=names.QUEUE_ARGUMENTS,
        )
        events = Queue(
            f"{names.EVENTS}.{ID}",
            Exchange(names.EVENTS, "topic", no_declare=True),
            "host.standing",
            auto_delete=True,
        )
        for queue in (answers, events):
            queue(self._connection.default_channel).declare()

    def close(self) -> None:
        """Leave the broker."""
        self._connection.release()
        self._app.close()

    def picture(self, name: str = "a.jpg", size: tuple[int, int] = (96, 64)) -> Path:
        """Draw a picture in the inbox."""
        return draw(self.inbox / name, size)

    def order(self, picture: Path, **changes: Any) -> Order:  # noqa: ANN401
        """Return an order for a picture of the inbox."""
        self.given += 1
        return order_for(picture, self.inbox, self.outbox, job=self.given, **changes)

    def give(self, order: Order | dict[str, Any]) -> None:
        """Put an order into the line."""
        value = write_order(order) if isinstance(order, Order) else order
        queue = names.orders_queue(NETWORK, "bytes" if value.get("data") else "paths")
        self._app.send_task(
            names.TASK,
            args=[value],
            task_id=f"{value.get('job')}-{value.get('turn')}",
            queue=orders_queue(queue),
            exchange=names.ORDERS,
            routing_key=queue,
            serializer="msgpack" if value.get("data") else "json",
            ignore_result=True,
        )

    def answer(self) -> Answer:
        """Wait for the next answer."""
        return read_answer(self._next(names.answers_queue(ID)))

    def standing(self, key: str = "", value: object = None) -> dict[str, Any]:
        """Wait until a host says how it stands, and that this is so."""
        while True:
            said: dict[str, Any] = self._next(f"{names.EVENTS}.{ID}")
            if not key or said[key] == value:
                return said

    def _next(self, queue: str) -> Any:  # noqa: ANN401 - what JSON has
        deadline = time.monotonic() + PATIENCE
        while True:
            channel = self._connection.default_channel
            try:
                message = channel.basic_get(queue, no_ack=True)
            except InternalError:  # a broker that has just started is not done with its queues
                self.close()
                self.connect()
                continue
            if message is not None:
                came = channel.message_to_python(message)
                came.accept = {"application/json", CONTENT_TYPE}
                return came.payload
            assert time.monotonic() < deadline, f"nothing came by {queue}"
            time.sleep(0.05)
