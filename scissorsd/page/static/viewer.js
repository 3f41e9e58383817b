// One picture, large: compare, judge, download, have it cut again.

import { act, addressOf, call, downloadZip, fileOf, keyOf } from "./api.js";
import { best, outputsOf } from "./card.js";
import * as decisions from "./decisions.js";
import { $, button, choice, fill, h, icon, say, sayFault, setSource, setText } from "./dom.js";
import * as finish from "./finish.js";
import { Stage } from "./stage.js";

const KEYS = {
  "← →": "the picture before, the next", Z: "100 %, or all of it", "+ −": "zoom", S: "slider, side by side, blink", B: "hold: before",
  M: "what the mask takes away", D: "download", A: "accept; or all outputs", X: "reject", R: "redo", U: "undo", Esc: "close",
};
const SAID = { accept: "accepted", reject: "rejected", redo: "cut again" };

let pictures; // the list that ← and → go along
let choices;
let card = null;
let index = 0;
let isMasked = false;
const dialog = $("viewer");
const stage = new Stage($("stage"), (words) => setText($("v-zoom"), words));
const modes = [...dialog.querySelectorAll("button[data-mode]")];
const [masker, left, right] = ["m", "arrowleft", "arrowright"].map((key) => dialog.querySelector(`[data-key=${key}]`));

const DOES = {
  arrowleft: () => step(-1), arrowright: () => step(1), escape: () => dialog.close(),
  z: () => stage.toggleZoom(), "+": () => stage.zoomBy(1.25), "-": () => stage.zoomBy(0.8),
  s: () => setMode(modes[(modes.findIndex(({ ariaPressed }) => ariaPressed === "true") + 1) % 3]), b: () => stage.blink(true), m: mask,
  d: () => best(card) && $("v-links").firstChild.click(), a: () => (card.review ? decide("accept") : zip()), x: () => card.review && decide("reject"),
  u: undo, "?": () => $("v-keys").toggleAttribute("open"),
  r: () => {
    $("v-redo").open = true;
    $("v-redo").querySelector("select").focus();
  },
};

export function prepare(list, got) {
  [pictures, choices] = [list, got];
  for (const each of dialog.querySelectorAll("[data-key]")) each.onclick = () => DOES[each.dataset.key]();
  for (const each of modes) each.onclick = () => setMode(each);
  setMode(modes[0]);
  fill($("v-keys").lastChild, ...Object.entries(KEYS).flatMap(([key, words]) => [h("dt", {}, key), h("dd", {}, words)]));
  finish.listen(showFiles);
}

export async function open(shown) {
  if (card?.key !== shown.key) {
    stage.fit();
    $("v-redo").open = false;
    $("v-side").scrollTop = 0;
  }
  card = shown;
  if (!dialog.open) dialog.showModal();
  showWords();
  showActs();
  showFiles();
  // The neighbours' previews, so that the next step shows at once.
  for (const other of [next(1), next(-1)].filter(Boolean)) for (const { preview } of Object.values(filesOf(other))) setSource(new Image(), preview);
  if (pictures.list.length - index < 9) pictures.more().catch(() => {});
  const { why = [] } = await call(addressOf(card)).catch(() => ({}));
  if (card === shown) fill($("v-why"), ...why.map((line) => h("p", {}, line)));
}

/** The list was read anew: show what became of the picture. */
export function reread() {
  const now = card && pictures.get(keyOf(card));
  if (now && (now.version !== card.version || now.look !== card.look)) open(now);
  else if (card) showWords();
}

function filesOf(one) {
  const both = (what) => ({ preview: fileOf(one, what, 2048), full: fileOf(one, what) });
  return { before: both("before"), ...(best(one) && { after: both(`outputs/${one.best}`) }) };
}

function next(by) {
  let at = index + by;
  while (pictures.list[at] && decisions.isDecided(pictures.list[at])) at += by;
  return pictures.list[at];
}

function step(by) {
  if (next(by)) open(next(by));
}

function showWords() {
  const { name, reason, inbox, rule, provider, doubt, look, words } = card;
  const unsure = doubt === null ? "" : `doubt ${(100 * doubt).toFixed(1)} %`;
  index = pictures.at.get(keyOf(card)) ?? Math.max(0, Math.min(index, pictures.list.length - 1));
  setText($("v-place"), `${index + 1} of ${pictures.list.length}${pictures.isWhole ? "" : "+"}`);
  left.disabled = !next(-1);
  right.disabled = !next(1);
  setText($("v-name"), name);
  $("v-state").dataset.state = look;
  fill($("v-state"), h("strong", { className: "state" }, words), reason && h("p", {}, reason), h("p", { className: "words" }, [inbox, rule, provider, unsure].filter(Boolean).join(" · ")));
}

function showActs() {
  const { state, review, inbox, seen } = card;
  const isQuick = choices.inboxes.some(({ name, quick }) => quick && name === inbox);
  const strong = { className: "strong" };
  fill($("v-acts"),
    review && button("check", "Accept", () => decide("accept"), strong),
    review && button("x", "Reject", () => decide("reject")),
    (state === "failed" || state === "held") && button("again", "Retry", () => send("retry"), strong),
    isQuick && button("x", "Remove", () => send("discard")),
    !isQuick && state === "failed" && !seen && button("eye", "Mark as seen", () => send("discard")));
  $("v-redo").hidden = state !== "done";
  if ($("v-redo").open) return;
  const model = choice("Model", [["", "same model"], ...choices.models.filter(({ here }) => here).map(({ name }) => name)], "");
  const edges = choice("Edges", [["", "same edges"], ...choices.edges.map((name) => [name, `${name} edges`])], "");
  const keep = h("input", { type: "checkbox" });
  const redo = () => {
    const wish = { model: model.value, edges: edges.value, keep: keep.checked ? "largest" : "" };
    if (review) decide("redo", wish);
    else send("redo", wish);
  };
  fill($("v-redo").lastChild, model, edges, h("label", {}, keep, "Largest part only"), button("again", "Redo", redo));
}

function showFiles() {
  if (!card) return;
  const output = best(card);
  const { before, after } = filesOf(card);
  const full = output && finish.address(card);
  const isFinished = full?.includes("/finish?");
  const count = outputsOf(card).length;
  $("finish").hidden = !output || !card.finishable;
  fill($("v-links"),
    output && h("a", { className: "button strong", href: `${full}&download=1`, download: "" }, icon("down"), isFinished ? "Download as chosen" : `Download ${output.name}`),
    count > 1 && button("zip", `All ${count} outputs`, zip),
    card.finishable && navigator.clipboard && button("copy", "Copy", copy));
  stage.after.image.style.background = finish.colour();
  stage.show({ name: card.name, before, after: isFinished && finish.isReframed() ? { preview: full, full } : after, mask: fileOf(card, "mask", 2048) });
  masker.hidden = !output;
  stage.mask(isMasked && output);
}

function setMode(chosen) {
  stage.setMode(chosen.dataset.mode);
  for (const each of modes) each.ariaPressed = each === chosen;
}

function mask() {
  isMasked = !isMasked;
  masker.ariaPressed = isMasked;
  stage.mask(isMasked);
}

const zip = () => downloadZip([card]).catch(sayFault);

function copy() {
  const png = fetch(`${addressOf(card)}/finish?format=png`).then((answer) => answer.blob());
  navigator.clipboard.write([new ClipboardItem({ "image/png": png })]).then(() => say("The cutout was copied."), sayFault);
}

const send = (verb, given) => act(card, verb, given).then(({ said }) => say(said.join(" ")), sayFault).then(() => dispatchEvent(new Event("look-again")));

function decide(verb, given) {
  const { name } = card;
  decisions.decide(card, verb, given);
  const to = next(1) ?? next(-1);
  if (to) open(to);
  else dialog.close();
  say(`${name}: ${SAID[verb]}.`, { act: button("undo", "Undo", undo) });
}

function undo() {
  const back = decisions.undo();
  if (!back) return;
  say(`${back.name}: taken back.`);
  open(back);
}

dialog.onclose = () => {
  document.body.append($("note"));
  dispatchEvent(new CustomEvent("viewed", { detail: keyOf(card) }));
  card = null;
};

addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  const isTaken = event.target.matches("select, [type=text], [type=search]") || (event.target.type === "range" && key.startsWith("arrow"));
  if (event.ctrlKey || event.metaKey || event.altKey || isTaken || !DOES[key] || !(card || key === "u")) return;
  event.preventDefault();
  if (!event.repeat || !"axdu".includes(key)) DOES[key]();
});
addEventListener("keyup", ({ key }) => key.toLowerCase() === "b" && stage.blink(false));
