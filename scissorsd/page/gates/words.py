"""Pages in words, for who may not see the page itself: what was seen, and what lets him in."""

import base64
import hashlib
import re
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from scissorsd.page.answers import Refusal, refused, sentence

_STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 38rem; margin: 12vh auto; padding: 0 1rem; }
h1 { font-size: 1.25rem; }
p { overflow-wrap: anywhere; }
code { padding: .125rem .25rem; border-radius: .25rem; background: #8883; }
input, button { font: inherit; padding: .5rem .75rem; min-height: 2.75rem; box-sizing: border-box; }
input { width: 100%; margin: .25rem 0 .75rem; }
"""
# The key behind # is sent to nobody by the browser; it leaves the address bar before it is tried.
# An address that is opened while this page is shown (the printed one, with its key) is no new page.
_SCRIPT = """
const form = document.querySelector("form");
const said = document.querySelector("[role=alert]");
async function enter(key) {
  const answer = await fetch(form.action, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ key }),
  }).catch(() => null);
  if (answer?.ok) return location.reload();
  const error = answer && (await answer.json().catch(() => null))?.error;
  const words = error ? `${error.what} ${error.advice}` : "The page does not answer.";
  const parts = (words[0].toUpperCase() + words.slice(1)).split("`");
  const code = (text) => Object.assign(document.createElement("code"), { textContent: text });
  said.replaceChildren(...parts.map((text, at) => (at % 2 ? code(text) : text)));
}
function look() {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (!key) return;
  history.replaceState(null, "", location.pathname + location.search);
  enter(key);
}
form.addEventListener("submit", (event) => {
  event.preventDefault();
  enter(form.elements.key.value);
});
addEventListener("hashchange", look);
look();
"""
_FORM = """
<form method="post" action="{up}login">
<label for="key">Key</label>
<input id="key" name="key" type="password" autocomplete="current-password" required autofocus>
<button>Open</button>
</form>
<p role="alert"></p>
<script>{script}</script>
"""
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>scissorsd</title>
<style>{style}</style>
<main>
<h1>{title}</h1>
{body}
</main>
</html>
"""


_CODE = re.compile("`([^`]*)`")  # so what is typed as it stands is marked in a text


def _mark(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


_POLICY = (
    f"default-src 'none'; style-src {_mark(_STYLE)}; script-src {_mark(_SCRIPT)}; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


def answer(request: Request, refusal: Refusal) -> Response:
    """Return a refusal as the one who asked can read it: a person a page, a program JSON."""
    said = refused(refusal)
    is_read_here = request.method in {"GET", "HEAD", "POST"}
    if not (is_read_here and "text/html" in request.headers.get("accept", "")):
        return said
    title = {401: "This page asks for its key"}.get(refusal.status, "This page may not be opened")
    what = sentence(refusal.what)
    advice = _CODE.sub(r"<code>\1</code>", escape(refusal.advice))
    body = f"<p>{escape(what[:1].upper() + what[1:])}</p>\n<p>{advice}</p>"
    if refusal.code == "key_wanted":
        up = "../" * (request.scope.get("raw_path", b"/").count(b"/") - 1)
        body += _FORM.format(up=up, script=_SCRIPT)
    page = _PAGE.format(style=_STYLE, title=title, body=body)
    headers = {"Content-Security-Policy": _POLICY}
    if "retry-after" in said.headers:
        headers["Retry-After"] = said.headers["retry-after"]
    return HTMLResponse(page, refusal.status, headers=headers)
