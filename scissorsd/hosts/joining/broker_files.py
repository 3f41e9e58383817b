"""The texts of the files by which RabbitMQ becomes a hub: for Debian's package and for a container.

In both the files of BROKER lie in /etc/rabbitmq, so they are the same.
"""

from typing import Final

IMAGE: Final = "rabbitmq:4.1"
PAGES_PORT: Final = 15671
_PLACE: Final = "/etc/rabbitmq"

# NODENAME: RabbitMQ keeps its data under it, and under a new one forgets them all. By default it
# holds the machine's name.
ENVIRONMENT: Final = """\
# Written by `scissorsd hub init`. Under this name RabbitMQ keeps its data; it fits every machine.
NODENAME=scissorsd@localhost
# RabbitMQ's other nodes, of which there are none, are not listened for in the network.
SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
export ERL_EPMD_ADDRESS=127.0.0.1
"""
PLUGINS: Final = "[rabbitmq_management].\n"


def configuration(port: int) -> str:
    """Return rabbitmq.conf."""
    return f"""\
# Written by `scissorsd hub init`. Changes stay: it is not written again while it is here.
listeners.tcp = none
listeners.ssl.default = {port}
ssl_options.certfile = {_PLACE}/server.pem
ssl_options.keyfile = {_PLACE}/server.key
ssl_options.versions.1 = tlsv1.3
ssl_options.versions.2 = tlsv1.2
# Who connects shows a secret, and no certificate.
ssl_options.verify = verify_none
ssl_options.fail_if_no_peer_cert = false

# RabbitMQ's own pages, for the user `watcher`.
management.ssl.port = {PAGES_PORT}
management.ssl.certfile = {_PLACE}/server.pem
management.ssl.keyfile = {_PLACE}/server.key

# Users, rights and queues: loaded at every start, so that an empty disk is filled again.
load_definitions = {_PLACE}/definitions.json

# Where hosts do not see the folders, pictures and outputs travel in the messages.
max_message_size = 134217728
raft.wal_max_size_bytes = 67108864

# With less room than this no orders are taken; pictures then wait in their inboxes.
disk_free_limit.absolute = 1GB
log.console = true
log.console.level = warning
"""


def compose(port: int) -> str:
    """Return compose.yaml."""
    return f"""\
# Written by `scissorsd hub init`. Changes stay: it is not written again while it is here.
services:
  hub:
    image: {IMAGE}
    container_name: scissorsd-hub
    hostname: scissorsd-hub
    restart: unless-stopped
    ports:
      - "{port}:{port}"
      - "127.0.0.1:{PAGES_PORT}:{PAGES_PORT}"   # RabbitMQ's own pages, for this machine
    volumes:
      - ./broker/rabbitmq:{_PLACE}:ro
      - hub:/var/lib/rabbitmq
    ulimits:
      nofile: 65536   # with millions, as some systems allow, Erlang takes gigabytes at its start
    mem_limit: 2g

volumes:
  hub: {{}}
"""
