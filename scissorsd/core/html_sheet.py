"""The contact sheet as a page of HTML: one file, which needs nothing from anywhere else.

Its pictures stand within it, so that it can be moved or sent; its one script only gathers the
commands for what is marked. A policy in its head lets no other script, style or picture in,
whatever a file is called.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from scissorsd.core.contact_sheet import Judged, said

GENERATOR = "contact sheet by scissorsd"
ACTIONS = ("accept", "recut", "reject")


@dataclass(frozen=True, slots=True)
class Item:
    """One cutout on the page. Texts are fit for a screen already, but not yet for HTML."""

    name: str
    verdict: Judged
    note: str  # in words: that it is in review, or why it has no picture
    folder: str
    webp: bytes  # none where it cannot be shown
    size: tuple[int, int]  # in which it is shown; pixels of CSS
    address: str  # of the cutout itself
    words: dict[str, str]  # of the actions that there are for it, each with its word for a shell
    doubt: float | None = None


def page(
    items: Sequence[Item],
    *,
    title: str,
    about: str,
    commands: dict[str, str],
    columns: int | None = None,
) -> str:
    """Return the page; `commands` has how the command of each action begins."""
    style = _STYLE.replace("COLUMNS", str(columns) if columns else "auto-fill")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; "
        f"script-src '{_digest(_SCRIPT)}'; base-uri 'none'; form-action 'none'"
    )
    can_be_marked = any(item.words for item in items)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="{GENERATOR}">
<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">
<meta name="viewport" content="width=device-width">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p>{escape(about)}</p>
<p>{_HELP if can_be_marked else _NO_JOURNAL}</p>
</header>
<main>
{"".join(map(_card, items))}</main>
{_footer(commands) if can_be_marked else ""}<script>{_SCRIPT}</script>
</body>
</html>
"""


def _card(item: Item) -> str:
    words = said(item.verdict, item.doubt)
    told = f"{words}, {item.note}" if item.note and item.webp else words
    if item.webp:
        data = base64.b64encode(item.webp).decode()
        width, height = item.size
        source = f"data:image/webp;base64,{data}"
        shown = f'<img src="{source}" width="{width}" height="{height}" alt="">'
        shown = f'<a href="{escape(item.address)}" target="_blank" rel="noreferrer">{shown}</a>'
    else:
        shown = f"<p>{escape(item.note)}</p>"
    boxes = "".join(_box(action, item) for action in ACTIONS) if item.words else ""
    kind = item.verdict or "unknown"
    mark = f'<span aria-hidden="true">{_MARKS[item.verdict]}</span>'
    label = escape(f"{item.name}, {told}")
    return f"""<article class="{kind}" tabindex="0" aria-label="{label}">
<div class="picture">{shown}</div>
<h2 title="{escape(item.name)}">{escape(item.name)}</h2>
<p><span class="verdict">{mark} {escape(told)}</span>
<span class="folder" title="{escape(item.folder)}">{escape(item.folder)}</span></p>
<div class="boxes">{boxes}</div>
</article>
"""


def _box(action: str, item: Item) -> str:
    word = item.words.get(action)
    if word is None:
        off = 'disabled title="it is out already: there is nothing to accept or reject"'
        return f'<label class="off"><input type="checkbox" {off}> {action}</label>'
    box = f'<input type="checkbox" name="{action}" value="{escape(word)}">'
    return f"<label>{box} {action}</label>"


def _footer(commands: dict[str, str]) -> str:
    begins = " ".join(f'data-{action}="{escape(commands[action])}"' for action in ACTIONS)
    return f"""<footer>
<p><label for="commands">Commands for what is marked</label> <span id="counts"></span>
<button id="copy" type="button">Copy</button> <button id="clear" type="button">Clear</button>
<span id="said" role="status"></span></p>
<textarea id="commands" rows="4" readonly spellcheck="false" {begins}></textarea>
</footer>
"""


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


_MARKS: dict[Judged, str] = {"doubtful": "▲", "no_subject": "✕", "ok": "●", "": "○"}
_HELP = (
    "Mark what is to be done, and copy the commands at the foot. Keys: arrows go from picture to "
    "picture, <kbd>A</kbd> accepts, <kbd>R</kbd> recuts, <kbd>X</kbd> rejects, <kbd>C</kbd> copies "
    "the commands; a click on a picture opens it."
)
_NO_JOURNAL = "No job journal tells of these cutouts, so they can only be looked at."

_STYLE = """
:root { color-scheme: light dark; --page: #ececea; --card: #fff; --line: #d6d6d2; --ink: #222;
  --faint: #65655f; --doubtful: #9c5700; --no_subject: #c42828; --ok: #217a3c; --focus: #1a5fd0; }
@media (prefers-color-scheme: dark) { :root { --page: #1c1c1e; --card: #29292c; --line: #45454a;
  --ink: #ececea; --faint: #a9a9a4; --doubtful: #f0a03c; --no_subject: #ff7b72; --ok: #5fcf80;
  --focus: #7fb2ff; } }
* { box-sizing: border-box; }
html { scroll-padding: 12px 0 170px; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.4 system-ui, sans-serif; }
header { padding: 24px 32px 12px; }
header p { margin: 4px 0; color: var(--faint); max-width: 62em; }
h1 { margin: 0; font-size: 24px; overflow-wrap: anywhere; }
kbd { border: 1px solid var(--line); border-radius: 3px; padding: 0 4px; font: inherit; }
main { display: grid; gap: 14px; padding: 12px 32px 32px;
  grid-template-columns: repeat(COLUMNS, minmax(258px, 1fr)); }
article { background: var(--card); border: 1px solid var(--line); border-radius: 7px; padding: 9px;
  min-width: 0; content-visibility: auto; contain-intrinsic-size: auto 258px auto 345px; }
article.doubtful { border: 3px solid var(--doubtful); padding: 7px; }
article.no_subject { border: 3px solid var(--no_subject); padding: 7px; }
article:has(:checked) { background: color-mix(in srgb, var(--focus) 18%, var(--card)); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.picture { height: 240px; display: grid; place-items: center; }
.picture a { display: block; line-height: 0; }
.picture p { color: var(--faint); }
img { max-width: 100%; height: auto; background: repeating-conic-gradient(#b8b8b8 0 25%,
  #dedede 0 50%) 0 0 / 16px 16px; }
h2 { margin: 8px 0 2px; font-size: 15px; font-weight: 600; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; }
article p { margin: 0; font-size: 13px; display: flex; gap: 12px; justify-content: space-between; }
.verdict { white-space: nowrap; color: var(--faint); }
.doubtful .verdict { color: var(--doubtful); }
.no_subject .verdict { color: var(--no_subject); }
.ok .verdict { color: var(--ok); }
.folder { color: var(--faint); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.boxes { display: flex; gap: 14px; margin-top: 6px; }
.boxes label { display: flex; gap: 4px; align-items: center; }
.boxes .off { color: var(--faint); opacity: .6; }
footer { position: sticky; bottom: 0; padding: 10px 32px; background: var(--card);
  border-top: 1px solid var(--line); }
footer p { margin: 4px 0; }
#counts, #said { color: var(--faint); margin: 0 8px; }
textarea { width: 100%; resize: vertical; font: 13px/1.4 ui-monospace, monospace; color: var(--ink);
  background: var(--page); border: 1px solid var(--line); border-radius: 4px; }
button { font: inherit; padding: 3px 14px; }
"""

_SCRIPT = r"""
"use strict";
(() => {
  const field = document.getElementById("commands");
  if (!field) return;
  const cards = [...document.querySelectorAll("article")];
  const said = document.getElementById("said");
  const actions = ["accept", "recut", "reject"];
  const marked = action => [...document.querySelectorAll(`input[name=${action}]:checked`)];

  function gather() {
    const commands = [], counts = [];
    for (const action of actions) {
      const boxes = marked(action);
      if (!boxes.length) continue;
      commands.push([field.dataset[action], ...boxes.map(box => box.value)].join(" \\\n  "));
      counts.push(`${boxes.length} to ${action}`);
    }
    field.value = commands.join("\n");
    document.getElementById("counts").textContent = counts.join(", ") || "nothing is marked";
    said.textContent = "";
  }

  function mark(box) {  // a picture has one end: what else it was marked for is taken back
    for (const other of box.closest("article").querySelectorAll("input")) {
      if (other !== box && box.checked) other.checked = false;
    }
    gather();
  }

  async function copy() {
    field.focus();
    field.select();
    let done = false;
    try { done = document.execCommand("copy"); } catch { /* then by the other way */ }
    if (!done) {
      try { await navigator.clipboard.writeText(field.value); done = true; } catch { /* nor so */ }
    }
    said.textContent = done ? "Copied." : "It is selected: copy it with Ctrl+C.";
  }

  function neighbour(card, key) {
    const at = cards.indexOf(card);
    const across = cards.findIndex(other => other.offsetTop > cards[0].offsetTop);
    const row = across < 0 ? cards.length : across;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row, ArrowDown: row }[key];
    return step ? cards[at + step] : undefined;
  }

  document.addEventListener("change", event => {
    if (event.target.matches("article input")) mark(event.target);
  });
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target === field) return;
    const card = event.target.closest ? event.target.closest("article") : null;
    const key = event.key.toLowerCase();
    if (key === "c") { event.preventDefault(); copy(); return; }
    if (event.key.startsWith("Arrow")) {
      const next = card ? neighbour(card, event.key) : cards[0];
      if (next) { event.preventDefault(); next.focus(); }
      return;
    }
    const action = { a: "accept", r: "recut", x: "reject" }[key];
    const box = card && action && card.querySelector(`input[name=${action}]`);
    if (box) { event.preventDefault(); box.checked = !box.checked; mark(box); }
    else if (card && action) said.textContent = `There is nothing to ${action}: it is out already.`;
  });
  document.getElementById("copy").addEventListener("click", copy);
  document.getElementById("clear").addEventListener("click", () => {
    for (const action of actions) for (const box of marked(action)) box.checked = false;
    gather();
  });
  window.addEventListener("pageshow", gather);  // a browser may have kept the marks
  gather();
})();
"""
