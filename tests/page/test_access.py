"""Who may ask the page for what, as tables."""

import pytest

from scissorsd.errors import ConfigError
from scissorsd.page.answers import Refusal
from scissorsd.page.gates.access import (
    WITHIN,
    WRONG_KEYS,
    WrongKeys,
    access_to,
    asked,
    check_host,
    check_site,
)
from scissorsd.page.gates.listen import Place, place_of
from scissorsd.settings import Page

HERE, LAN = "127.0.0.1:8000", "192.168.1.9:8000"


def why_not(page: Page, method: str, headers: dict[str, str], peer: str = "127.0.0.1") -> str:
    """Return the code with which the first two gates refuse a request, or ''."""
    access = access_to(page, "nas.home.example")
    request = asked(access, method, {"host": HERE, **headers}, peer)
    try:
        check_host(access, request)
        check_site(access, request)
    except Refusal as refusal:
        return refusal.code
    return ""


@pytest.mark.parametrize(
    ("listen", "auth", "meant"),
    [
        (HERE, "auto", "none"),
        ("[::1]:8000", "auto", "none"),
        ("localhost:8000", "auto", "none"),
        ("unix:/run/page.sock", "auto", "none"),
        ("0.0.0.0:8000", "auto", "key"),
        ("[::]:8000", "auto", "key"),
        (LAN, "auto", "key"),
        ("nas:8000", "auto", "key"),
        (HERE, "key", "key"),
        (LAN, "none", "none"),
        (LAN, "proxy", "proxy"),
    ],
)
def test_what_the_page_asks_for(listen: str, auth: str, meant: str) -> None:
    """Elsewhere than on this machine and on sockets, `auto` is a key; what is written counts."""
    page = Page(listen=listen, auth=auth, proxies=("10.0.0.1",))  # type: ignore[arg-type]
    assert access_to(page, "nas").auth == meant


def test_a_proxy_must_be_named() -> None:
    """`auth: proxy` without `proxies` is a mistake of the configuration, which ends with 78."""
    with pytest.raises(ConfigError, match="proxies") as raised:
        access_to(Page(auth="proxy"), "nas")
    assert raised.value.exit_code == 78


@pytest.mark.parametrize(
    ("host", "passes"),
    [
        ("localhost:8000", True),
        ("LOCALHOST", True),
        ("page.localhost:8000", True),
        ("127.0.0.1:8000", True),
        ("192.168.7.7", True),
        ("[::1]:8000", True),
        ("[fe80::1]", True),
        ("nas", True),
        ("nas.home.example:8000", True),
        ("nas.home.example.", True),
        ("pictures.example:8000", True),  # of `hosts`
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example:8000", False),
        ("evillocalhost", False),
        ("::1", False),
        ("", True),  # a program of old: a browser always names whom it asks
    ],
)
def test_the_names_of_the_page(host: str, passes: bool) -> None:  # noqa: FBT001
    """On loopback, without a key, it answers to its own names and to addresses, and to no other."""
    page = Page(hosts=("Pictures.example",))
    assert why_not(page, "GET", {"host": host}) == ("" if passes else "unknown_host")


@pytest.mark.parametrize(
    "page",
    [
        Page(auth="key"),
        Page(listen=LAN, auth="none"),
        Page(listen="unix:/run/page.sock"),
    ],
)
def test_where_any_name_will_do(page: Page) -> None:
    """With a key, elsewhere than on loopback, and on a socket no name is asked for."""
    assert why_not(page, "GET", {"host": "evil.example"}) == ""


def test_a_name_that_is_handed_on_is_no_way_around() -> None:
    """Who points a name of his own to this machine cannot say that a proxy was asked for ours."""
    page = Page(proxies=("127.0.0.1",))
    lie = {"host": "evil.example", "x-forwarded-host": "localhost"}
    assert why_not(page, "GET", lie) == "unknown_host"
    assert why_not(page, "GET", {"host": HERE, "x-forwarded-host": "e.example"}) == "unknown_host"


SITES = [
    # method, headers, refused
    ("GET", {}, False),
    ("POST", {}, False),  # curl
    ("PUT", {}, False),
    ("PUT", {"sec-fetch-site": "same-origin"}, False),
    ("PUT", {"sec-fetch-site": "none"}, False),
    ("PUT", {"sec-fetch-site": "same-site"}, True),
    ("POST", {"sec-fetch-site": "cross-site"}, True),
    ("POST", {"sec-fetch-site": "cross-site", "origin": f"http://{HERE}"}, True),
    ("POST", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, True),
    ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, False),  # a link
    ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, True),  # an <img>
    ("OPTIONS", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}, True),
    ("POST", {"origin": f"http://{HERE}"}, False),
    ("POST", {"origin": "http://127.0.0.1:9000"}, True),
    ("POST", {"origin": "http://evil.example"}, True),
    ("POST", {"origin": "null"}, True),
    ("POST", {"origin": "https://nas.example", "host": "nas.example"}, False),
    ("POST", {"origin": "https://nas.example:443", "host": "NAS.example"}, False),
    ("DELETE", {"origin": "http://evil.example"}, True),
]


@pytest.mark.parametrize(("method", "headers", "refused"), SITES)
def test_other_pages(method: str, headers: dict[str, str], refused: bool) -> None:  # noqa: FBT001
    """No other page in the browser can make this one do something, or show its pictures."""
    page = Page(listen=LAN, auth="key")
    assert why_not(page, method, headers) == ("cross_site" if refused else "")


def test_the_name_before_a_proxy() -> None:
    """A proxy that is believed may say by which name it was called; another one may not."""
    headers = {"origin": "https://pics.example", "x-forwarded-host": "pics.example"}
    page = Page(listen=LAN, auth="key", proxies=("10.0.0.0/8",))
    assert why_not(page, "POST", headers, "10.1.2.3") == ""
    assert why_not(page, "POST", headers, "11.1.2.3") == "cross_site"


PROXIES = ("10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("::ffff:10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),  # what stands before it he wrote himself
        ("10.0.0.1", "1.2.3.4, 10.0.0.2", "1.2.3.4"),
        ("10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("10.0.0.1", "1.2.3.4:4711", "1.2.3.4"),
        ("fd00::1", "1.2.3.4", "1.2.3.4"),
        ("9.9.9.9", "127.0.0.1", "9.9.9.9"),
    ],
)
def test_who_asks(peer: str, forwarded: str, client: str) -> None:
    """Who asks is the last one whom a believed proxy names, and else who has connected."""
    access = access_to(Page(listen=LAN, proxies=PROXIES), "nas")
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    assert asked(access, "GET", headers, peer).client == client


@pytest.mark.parametrize(
    ("peer", "headers", "here"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("::ffff:127.0.0.1", {}, True),
        ("192.168.1.4", {}, False),
        ("127.0.0.1", {"x-forwarded-for": "192.168.1.4"}, False),  # a proxy on this machine
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, False),
        ("10.0.0.1", {"x-forwarded-for": "127.0.0.1"}, True),
    ],
)
def test_whether_this_machine_asks(peer: str, headers: dict[str, str], here: bool) -> None:  # noqa: FBT001
    """What a proxy on this machine asks for others is not asked by this machine."""
    access = access_to(Page(listen=LAN, proxies=PROXIES), "nas")
    assert asked(access, "GET", headers, peer).is_from_here is here


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"x-api-key": "k"}, "k"),
        ({"authorization": "Bearer k"}, "k"),
        ({"authorization": "bearer  k"}, "k"),
        ({"authorization": "Basic k"}, ""),
        ({}, ""),
    ],
)
def test_the_key_of_a_program(headers: dict[str, str], key: str) -> None:
    """A program sends its key as X-Api-Key or as a bearer's token."""
    assert asked(access_to(Page(), "nas"), "GET", headers, "").key == key


def test_wrong_keys_are_counted_by_address() -> None:
    """Ten wrong keys of an address within a minute are too many; of others nothing is known."""
    wrong = WrongKeys()
    for second in range(WRONG_KEYS):
        assert not wrong.are_too_many("1.2.3.4", second)
        wrong.count("1.2.3.4", second)
    assert wrong.are_too_many("1.2.3.4", WRONG_KEYS)
    assert not wrong.are_too_many("1.2.3.5", WRONG_KEYS)
    assert not wrong.are_too_many("1.2.3.4", WITHIN)  # the first is forgotten


def test_a_network_of_ipv6_is_one_asker() -> None:
    """Who has an IPv6 network has no more tries than who has one address."""
    wrong = WrongKeys()
    for number in range(WRONG_KEYS):
        wrong.count(f"2001:db8:0:7::{number:x}", 0)
    assert wrong.are_too_many("2001:db8:0:7:ffff::", 1)
    assert not wrong.are_too_many("2001:db8:0:8::", 1)


@pytest.mark.parametrize(
    ("listen", "place"),
    [
        ("127.0.0.1:8000", Place("127.0.0.1", 8000)),
        ("127.0.0.1", Place("127.0.0.1", 8000)),
        ("9000", Place("127.0.0.1", 9000)),
        (":9000", Place("", 9000)),
        ("[::1]:9000", Place("::1", 9000)),
        ("::1", Place("::1", 8000)),
    ],
)
def test_where_it_listens(listen: str, place: Place) -> None:
    """An address may be written in each of the ways that people write one."""
    assert place_of(listen) == place


@pytest.mark.parametrize("listen", ["127.0.0.1:http", "127.0.0.1:70000", "unix:page.sock"])
def test_no_place_to_listen(listen: str) -> None:
    """What is no address is a mistake of the configuration, told with the word."""
    with pytest.raises(ConfigError, match=listen):
        place_of(listen)
