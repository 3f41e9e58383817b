// One card of the queue: a picture, or a file on its way.

import { fileOf } from "./api.js";
import { button, h, icon, ordinal, setText } from "./dom.js";

const ICONS = {
  queued: "up", sending: "up", sent: "clock", refused: "bad", waiting: "clock", cutting: "scissors",
  done: "ok", review: "eye", failed: "bad", held: "pause", accepted: "ok", rejected: "x",
};
const DOUBTS = { doubtful: "doubtful", no_subject: "no subject" };

/** What became of a picture: a word for style and icon, and words for a person. */
export function standing({ state, part, place, verdict, review, judged }) {
  if (state === "sending") return [state, `sending ${Math.floor(part * 100)} %`];
  if (state === "sent") return [state, "waiting"];
  if (state === "refused") return [state, "not sent"];
  if (place && state === "waiting") return [state, `waiting, ${ordinal(place)}`];
  if (state !== "done") return [state, state];
  if (review) return ["review", `${DOUBTS[verdict] ?? "done"}, to review`];
  if (judged) return [judged, judged];
  return verdict in DOUBTS ? ["review", DOUBTS[verdict]] : [state, state];
}

export const outputsOf = (card) => card.outputs.filter(({ there }) => there);

/** The output to look at: what has the subject, and is there. */
export function best(card) {
  const there = outputsOf(card);
  return there.find(({ kind }) => kind === "cutout") ?? there.find(({ kind }) => kind === "flat") ?? there[0];
}

export function makeCard({ open, pick, retry, drop }) {
  let item = null;
  let source = null;
  const image = h("img", { alt: "", decoding: "async", draggable: false, onerror: () => (image.hidden = true), onload: () => (image.hidden = false) });
  const [reason, name, mark] = ["reason", "name", "mark"].map((className) => h("span", { className }));
  const words = h("span");
  const bar = h("progress", { ariaHidden: true });
  name.dir = "auto";
  const opener = h("button", { type: "button", className: "open", onclick: () => open(item) },
    h("span", { className: "thumb" }, image, reason, bar), name, h("span", { className: "state" }, mark, words));
  const box = h("input", { type: "checkbox", onchange: () => pick(item, box.checked) });
  const pickable = h("label", { className: "pick" }, box);
  const again = button("again", "Retry", () => retry(item));
  const away = button("x", "Do not send", () => drop(item), { bare: true });
  const node = h("div", { role: "listitem", className: "card" }, opener, pickable, h("span", { className: "acts" }, again, away));

  function showThumb() {
    const output = !item.upload && best(item);
    const from = item.upload ? item.file : fileOf(item, output ? `outputs/${output.n}` : "before", 320);
    if (from === source) return;
    if (source instanceof File) URL.revokeObjectURL(image.src);
    source = from;
    image.hidden = !from;
    if (from) image.src = from instanceof File ? URL.createObjectURL(from) : from;
  }

  node.show = (now) => {
    item = now;
    const [kind, said] = standing(item);
    const isUpload = Boolean(item.upload);
    if (node.dataset.state !== kind) mark.replaceChildren(icon(ICONS[kind]));
    node.dataset.state = kind;
    setText(name, item.name);
    setText(words, said);
    setText(reason, isUpload || kind === "failed" ? item.reason : "");
    opener.title = item.name;
    opener.disabled = pickable.hidden = isUpload;
    bar.hidden = kind !== "sending";
    bar.value = item.part ?? 0;
    box.checked = Boolean(item.picked);
    box.ariaLabel = `Select ${item.name}`;
    again.hidden = !(kind === "failed" || kind === "held" || item.mayPass && kind === "refused");
    away.hidden = !isUpload || kind === "sent";
    showThumb();
  };
  return node;
}
