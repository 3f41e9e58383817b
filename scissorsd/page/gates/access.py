"""Who may ask the page for what: values in, decisions out.

A request goes through three gates. The host: while no key is asked for and only this machine can
ask, a page from elsewhere could have its own name point to this machine and read all (DNS
rebinding), so the page answers only to names that are its own. The site: no other page in the
same browser may make it do something. The key, or the user whom a proxy names.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal
from urllib.parse import urlsplit

from scissorsd.errors import ConfigError
from scissorsd.page.answers import Refusal
from scissorsd.page.gates.listen import place_of
from scissorsd.settings import Page

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
WRONG_KEYS = 10  # of one address within
WITHIN = 60.0  # seconds
_MOST_ADDRESSES = 10_000

Auth = Literal["key", "proxy", "none"]
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Access:
    """How the page may be asked."""

    auth: Auth
    on_loopback: bool  # it listens where only this machine can ask, and not on a socket
    on_socket: bool
    names: frozenset[str]  # by which it may be called while auth is none
    proxies: tuple[Network, ...]
    metrics_from: tuple[Network, ...]  # who may read /metrics without a key
    path: str  # "" or /what/a/proxy/leaves/before/every/address

    def believes(self, peer: str) -> bool:
        """Whether what a peer says of those whom it asks for is believed.

        On a socket ("") it is: only the group of the socket can open it.
        """
        return _is_in(peer, self.proxies) if peer else self.on_socket

    def measures(self, client: str) -> bool:
        """Whether who asks may read /metrics without a key, by `metrics_from`."""
        return _is_in(client, self.metrics_from)


def _is_in(address: str, networks: Iterable[Network]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)


def access_to(page: Page, machine: str) -> Access:
    """Return how the page may be asked; raises ConfigError where that cannot be.

    `machine` is the name of this machine.
    """
    place = place_of(page.listen)
    auth: Auth = page.auth if page.auth != "auto" else "none" if place.is_private else "key"
    if auth == "proxy" and not page.proxies:
        what = "page: auth: proxy believes whom a proxy names, so it must know the proxy"
        raise ConfigError((f"{what}: add `proxies: [192.168.1.5]`, its address or network",))
    short = machine.partition(".")[0]
    names = {"localhost", machine, short, *(name.lower() for name in page.hosts)} - {""}
    return Access(
        auth=auth,
        on_loopback=place.is_loopback,
        on_socket=place.socket is not None,
        names=frozenset(names),
        proxies=tuple(_network("proxies", proxy) for proxy in page.proxies),
        metrics_from=tuple(_network("metrics_from", one) for one in page.metrics_from),
        path=f"/{page.path.strip('/')}".rstrip("/"),
    )


def _network(key: str, network: str) -> Network:
    try:
        return ip_network(network, strict=False)
    except ValueError:
        what = f"page: {key}: {network} is no address and no network (such as 192.168.1.0/24)"
        raise ConfigError((what,)) from None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as far as the gates look at it; names of headers are in small letters."""

    method: str
    headers: Mapping[str, str]
    peer: str  # the address of who has connected; "" on a socket
    client: str  # of who asks, behind proxies that are believed
    is_believed: bool  # the peer is such a proxy
    is_secure: bool  # by https, as far as is known

    def header(self, name: str) -> str:
        """Return a header, or ''."""
        return self.headers.get(name, "")

    @property
    def hosts(self) -> list[str]:
        """The names by which the page was called: by the peer and, if it is believed, before it."""
        before = self.header("x-forwarded-host").split(",")[0].strip() if self.is_believed else ""
        return [name for name in (self.header("host"), before) if name]

    @property
    def is_from_here(self) -> bool:
        """Whether this machine itself asks, and no proxy on it for somebody else."""
        if "x-forwarded-for" in self.headers and not self.is_believed:
            return False
        return _is_loopback(self.client)

    @property
    def key(self) -> str:
        """The key that a program sends along, or ''."""
        scheme, _, token = self.header("authorization").partition(" ")
        return self.header("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")


def asked(access: Access, method: str, headers: Mapping[str, str], peer: str) -> Asked:
    """Look at a request, with what is believed of its proxies."""
    peer = _plain(peer)
    believed = access.believes(peer)
    client = peer
    if believed:
        for hop in reversed(headers.get("x-forwarded-for", "").split(",")):
            if not hop.strip():
                break
            client = _plain(hop.strip())
            if not access.believes(client):
                break
    secure = believed and headers.get("x-forwarded-proto", "").strip().lower() == "https"
    return Asked(method, headers, peer, client, believed, secure)


def _plain(address: str) -> str:
    """Return an address without a port, and as one of IPv4 where it is one in IPv6's clothes."""
    if address.startswith("["):
        address = address[1:].partition("]")[0]
    elif address.count(":") == 1:
        address = address.partition(":")[0]
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


# --- the host --------------------------------------------------------------------------------


def check_host(access: Access, request: Asked) -> None:
    """Refuse a request that calls the page by a name that is not its own."""
    if access.auth != "none" or not access.on_loopback:
        return
    for host in request.hosts:
        if not _is_ours(access, host):
            name = _name(host)
            raise Refusal(
                421,
                "unknown_host",
                f"this page was asked for as {name}, which is not a name that it knows",
                f"If {name} is this machine, add `hosts: [{name}]` to `page:` "
                "in the configuration.",
            )


def is_called_rightly(access: Access, request: Asked) -> bool:
    """Whether a request calls this machine by a name that is its own or by an address."""
    return all(_is_ours(access, host) for host in request.hosts)


def _is_ours(access: Access, host: str) -> bool:
    name = _name(host)
    if name in access.names or name.endswith(".localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _name(host: str) -> str:
    """Return the name in a Host header, without its port and without the brackets of IPv6."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].rstrip(".").lower()


# --- the site --------------------------------------------------------------------------------


def check_site(access: Access, request: Asked) -> None:
    """Refuse what another page in the same browser makes it ask for.

    A link to this page may stand anywhere. A key that is sent along passes: no page has it.
    """
    site = request.header("sec-fetch-site").lower()
    if site in {"same-origin", "none"} or (not site and request.method in SAFE):
        return
    if site:
        if request.method in SAFE and request.header("sec-fetch-mode").lower() == "navigate":
            return
        raise Refusal(
            403,
            "cross_site",
            f"another page in this browser asked for this ({request.method}, Sec-Fetch-Site: "
            f"{site}), and no other page may",
            "Open this page itself and do it there. A program sends the key along (X-Api-Key).",
        )
    origin = request.header("origin")
    if not origin or _authority(origin) in {_without_port(host) for host in request.hosts}:
        return
    called = " or ".join(request.hosts) or "no name"
    raise Refusal(403, "cross_site", *_of_another_origin(access, request, origin, called))


def _of_another_origin(access: Access, request: Asked, origin: str, called: str) -> tuple[str, str]:
    what = f"a page at {origin} asked for this, and this page was called {called}"
    if not request.is_believed and any(h.startswith("x-forwarded-") for h in request.headers):
        proxy = request.peer or "the proxy"
        return what, (
            f"{proxy} seems to be a proxy. If it is yours, let it hand the name on "
            f"(X-Forwarded-Host), and add `proxies: [{proxy}]` to `page:` in the configuration."
        )
    if access.proxies or access.on_socket:
        return what, (
            "If a proxy stands between, let it hand the name on that the browser asked for: as "
            "Host or as X-Forwarded-Host. From other pages nothing is taken."
        )
    return what, (
        "If a proxy stands between, let it hand the Host on as it is (nginx: proxy_set_header "
        "Host $http_host). From other pages nothing is taken."
    )


def _authority(origin: str) -> str:
    """Return host and port of an Origin; of "null", which is an origin of its own, nothing."""
    return _without_port(urlsplit(origin).netloc) or "null"


def _without_port(host: str) -> str:
    """Return a host without a port that need not be said."""
    return host.lower().removesuffix(":80").removesuffix(":443")


# --- the key ---------------------------------------------------------------------------------


@dataclass(slots=True)
class WrongKeys:
    """How often each address has come with a wrong key of late."""

    _at: dict[str, list[float]] = field(default_factory=dict)

    def are_too_many(self, client: str, now: float) -> bool:
        """Whether an address has to wait before its keys are looked at again."""
        return len(self._lately(client, now)) >= WRONG_KEYS

    def count(self, client: str, now: float) -> None:
        """Count a wrong key."""
        if len(self._at) >= _MOST_ADDRESSES:
            self._at = {c: times for c in self._at if (times := self._lately(c, now))}
        if len(self._at) >= _MOST_ADDRESSES:  # of so many within a minute, all share one count
            client = ""
        self._at[_neighbourhood(client)] = [*self._lately(client, now), now]

    def _lately(self, client: str, now: float) -> list[float]:
        times = self._at.get(_neighbourhood(client), [])
        return [at for at in times if now - at < WITHIN]


def _neighbourhood(client: str) -> str:
    """Return what one asker has at least: an address of IPv4, or a network /64 of IPv6."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if address.version == 4:  # noqa: PLR2004 - IPv4
        return str(address)
    return str(ip_network(f"{address}/64", strict=False).network_address)
