// One picture, large: compare, judge, download, have it cut again.

import { act, addressOf, call, downloadZip, fileOf, keyOf } from "./api.js";
import { best, outputsOf, standing } from "./card.js";
import { $, button, choice, fill, h, icon, say, sayFault, setText } from "./dom.js";
import { Finish } from "./finish.js";
import { Stage } from "./stage.js";

const UNDO_FOR = 4000; // ms in which a decision can be taken back
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
let pending = null; // a decision that is not sent yet
const decided = new Set(); // keys of what is out of the list already
const dialog = $("viewer");
const percent = button("", "Fit", () => stage.toggleZoom());
const stage = new Stage($("stage"), ({ scale, zoom }) => setText(percent.lastChild, zoom === 1 ? "Fit" : `${Math.round(scale * 100)} %`));
const finish = new Finish($("finish"), () => showFiles());
const modes = [["slider", "split", "Slider"], ["side", "side", "Side by side"], ["blink", "eye", "Hold to blink"]].map(([mode, picture, name]) =>
  button(picture, name, () => setMode(mode), { value: mode, ariaLabel: name, title: name }));
const masker = button("mask", "Mask", mask, { ariaLabel: "Mask", title: "What the mask takes away" });
const steps = [button("left", "Picture before", () => step(-1), { bare: true }), button("right", "Next picture", () => step(1), { bare: true })];

export function prepare(list, got) {
  [pictures, choices] = [list, got];
  const bare = (picture, label, does) => button(picture, label, does, { bare: true });
  $("v-head").append(...steps, bare("x", "Close", () => dialog.close()));
  fill($("v-tools"), ...modes, masker, bare("minus", "Smaller", () => stage.zoomBy(0.8)), percent, bare("plus", "Larger", () => stage.zoomBy(1.25)));
  fill($("v-keys").lastChild, ...Object.entries(KEYS).flatMap(([key, words]) => [h("dt", {}, key), h("dd", {}, words)]));
  setMode("slider");
}

export const isDecided = (key) => decided.has(key);

export async function open(shown) {
  if (card?.key !== shown.key) {
    stage.fit();
    $("v-redo").open = false;
  }
  card = shown;
  if (!dialog.open) dialog.showModal();
  showWords();
  showActs();
  showFiles();
  for (const other of [next(1), next(-1)].filter(Boolean)) preload(other);
  if (pictures.list.length - index < 9) pictures.more().catch(() => {});
  const { why = [] } = await call(addressOf(card)).catch(() => ({}));
  if (card === shown) fill($("v-why"), ...why.map((line) => h("p", {}, line)));
}

/** The list was read anew: show what became of the picture. */
export function reread() {
  const now = card && pictures.get(keyOf(card));
  if (now && (now.version !== card.version || now.state !== card.state || now.judged !== card.judged)) open(now);
  else if (card) showWords();
}

function preload(other) {
  for (const { preview } of Object.values(filesOf(other)).filter(Boolean)) new Image().src = preview;
}

function filesOf(one) {
  const both = (what) => ({ preview: fileOf(one, what, 2048), full: fileOf(one, what) });
  return { before: both("before"), after: best(one) && both(`outputs/${best(one).n}`) };
}

function next(by) {
  let at = index + by;
  while (pictures.list[at] && decided.has(keyOf(pictures.list[at]))) at += by;
  return pictures.list[at];
}

function step(by) {
  if (next(by)) open(next(by));
}

function showWords() {
  const [kind, words] = standing(card);
  const { name, reason, inbox, rule, provider, doubt } = card;
  const unsure = doubt === null ? "" : `doubt ${(100 * doubt).toFixed(1)} %`;
  index = pictures.at.get(keyOf(card)) ?? Math.max(0, Math.min(index, pictures.list.length - 1));
  setText($("v-place"), `${index + 1} of ${pictures.list.length}${pictures.isWhole ? "" : "+"}`);
  steps.forEach((each, at) => (each.disabled = !next(at ? 1 : -1)));
  setText($("v-name"), name);
  $("v-state").dataset.state = kind;
  fill($("v-state"), h("strong", { className: "state" }, words), reason && h("p", {}, reason), h("p", { className: "words" }, [inbox, rule, provider, unsure].filter(Boolean).join(" · ")));
}

function showActs() {
  const { state, review, inbox } = card;
  const isQuick = choices.inboxes.some(({ name, quick }) => quick && name === inbox);
  const strong = { className: "strong" };
  fill($("v-acts"),
    review && button("check", "Accept", () => decide("accept"), strong),
    review && button("x", "Reject", () => decide("reject")),
    pending && button("undo", "Undo", undo),
    (state === "failed" || state === "held") && button("again", "Retry", () => send("retry"), strong),
    isQuick && button("x", "Remove", () => send("discard")));
  $("v-redo").hidden = state !== "done";
  if ($("v-redo").open) return;
  const model = choice("Model", [["", "same model"], ...choices.models.filter(({ here }) => here).map(({ name }) => name)], "");
  const edges = choice("Edges", [["", "same edges"], ...choices.edges.map((name) => [name, `${name} edges`])], "");
  const keep = h("input", { type: "checkbox" });
  const redo = () => {
    const wish = { model: model.value || undefined, edges: edges.value || undefined, keep: keep.checked ? "largest" : undefined };
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
  stage.after.image.style.background = finish.background;
  stage.show({ name: card.name, before, after: isFinished && finish.isReframed ? { preview: full, full } : after, mask: fileOf(card, "mask", 2048) });
  masker.hidden = !output;
  stage.mask(isMasked && output);
}

function setMode(mode) {
  stage.setMode(mode);
  for (const each of modes) each.ariaPressed = each.value === mode;
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

const lookAgain = () => dispatchEvent(new Event("look-again"));

const send = (verb, given) => act(card, verb, given).then(({ said }) => say(said.join(" ")), sayFault).then(lookAgain);

// --- decisions: sent when the next is taken, after a moment, or when the page is left

function decide(verb, given) {
  flush();
  decided.add(keyOf(card));
  pending = { card, verb, given, timer: setTimeout(flush, UNDO_FOR) };
  say(`${card.name}: ${SAID[verb]}. U takes it back.`);
  const to = next(1) ?? next(-1);
  if (to) open(to);
  else dialog.close();
  dispatchEvent(new Event("decided"));
}

function undo() {
  if (!pending) return;
  clearTimeout(pending.timer);
  const { card: back } = pending;
  pending = null;
  decided.delete(keyOf(back));
  say(`${back.name}: taken back.`);
  open(back);
  dispatchEvent(new Event("decided"));
}

function flush(isLeaving = false) {
  if (!pending) return;
  const { card: one, verb, given, timer } = pending;
  clearTimeout(timer);
  pending = null;
  if (card) showActs();
  act(one, verb, given, isLeaving).catch(sayFault).then(() => {
    lookAgain();
    setTimeout(() => decided.delete(keyOf(one)), 2000);
  });
}

addEventListener("visibilitychange", () => document.hidden && flush(true));
addEventListener("pagehide", () => flush(true));
dialog.onclose = () => {
  dispatchEvent(new CustomEvent("viewed", { detail: keyOf(card) }));
  card = null;
};

const DOES = {
  arrowleft: () => step(-1), arrowright: () => step(1), z: () => stage.toggleZoom(), "+": () => stage.zoomBy(1.25), "-": () => stage.zoomBy(0.8),
  m: mask, b: () => stage.blink(true), s: () => setMode(modes[(modes.findIndex(({ value }) => value === stage.mode) + 1) % 3].value),
  d: () => best(card) && $("v-links").firstChild.click(), a: () => (card.review ? decide("accept") : zip()), x: () => card.review && decide("reject"),
  u: undo, "?": () => $("v-keys").toggleAttribute("open"),
  r: () => {
    $("v-redo").open = true;
    $("v-redo").querySelector("select").focus();
  },
};

addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  const isTaken = event.target.matches("select, [type=text], [type=search]") || (event.target.type === "range" && key.startsWith("arrow"));
  if (event.ctrlKey || event.metaKey || event.altKey || isTaken || !DOES[key] || (!card && (key !== "u" || !pending))) return;
  event.preventDefault();
  if (!event.repeat || !"axdu".includes(key)) DOES[key]();
});
addEventListener("keyup", ({ key }) => key.toLowerCase() === "b" && stage.blink(false));
