"""Orders, put into the line of the hosts that may take them."""

from amqp.exceptions import PreconditionFailed
from celery import Celery

from scissorsd.errors import HoldError
from scissorsd.hosts import engine, names, packing
from scissorsd.hosts.faults import TooLargeError
from scissorsd.hosts.join import Join
from scissorsd.hosts.orders import Order, write_order
from scissorsd.hosts.unreachable import in_words

_CONFIRMED_WITHIN = 30.0  # seconds


def send_order(app: Celery, join: Join, order: Order) -> None:
    """Send an order; return when the broker has it.

    Raises HoldError where that cannot be had, and TooLargeError where it takes none so large.
    """
    queue = engine.orders_queue(names.orders_queue(order.rule.model, order.way))
    try:
        app.send_task(
            names.TASK,
            args=(write_order(order),),
            argsrepr=f"({order.source.path!r},)",  # else all of it is written out, to be shown
            task_id=names.order_id(order.job, order.turn),
            queue=queue,  # else Celery would look for a default one
            exchange=names.ORDERS,
            routing_key=queue.name,
            serializer="json" if order.way == "paths" else packing.NAME,
            delivery_mode="persistent",
            ignore_result=True,
            declare=[],
            retry=True,
            retry_policy={"max_retries": 1, "interval_start": 0, "interval_max": 0},
            confirm_timeout=_CONFIRMED_WITHIN,
        )
    except PreconditionFailed as error:
        raise TooLargeError(f"{order.source.path} is too large for the hub: {error}") from error
    except Exception as error:  # whatever it is, nothing is wrong with the picture
        raise HoldError(in_words(error, join).what, kind="the hub is away") from error
