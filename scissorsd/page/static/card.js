// One card of the queue: a picture, or a file on its way.

import { fileOf } from "./api.js";
import { button, h, icon, setSource, setText } from "./dom.js";

const ICONS = {
  queued: "up", sending: "up", sent: "clock", refused: "bad", waiting: "clock", cutting: "scissors",
  done: "ok", review: "eye", failed: "bad", held: "pause", accepted: "ok", rejected: "x", seen: "eye",
};
const NOT_DONE = ["failed", "held", "seen"];

export const outputsOf = (card) => card.outputs.filter(({ there }) => there);

/** The output to look at, if there is one. */
export const best = (card) => card.outputs[card.best];

export function makeCard({ open, pick, retry, drop }) {
  let item = null;
  let source = null;
  const image = h("img", { alt: "", decoding: "async", draggable: false });
  const [reason, name, mark, words] = ["reason", "name", "mark", ""].map((className) => h("span", { className }));
  const bar = h("progress", { ariaHidden: true });
  name.dir = "auto";
  const opener = h("button", { type: "button", className: "open", onclick: () => open(item) },
    h("span", { className: "thumb" }, image, reason, bar), name, h("span", { className: "state" }, mark, words));
  const box = h("input", { type: "checkbox", onchange: () => pick(item, box.checked) });
  const pickable = h("label", { className: "pick" }, box);
  const again = button("again", "Retry", () => retry(item));
  const away = button("x", "", () => drop(item), { title: "Do not send" });
  const node = h("div", { role: "listitem", className: "card" }, opener, pickable, h("span", { className: "acts" }, again, away));

  function showThumb() {
    const from = item.upload ? item.file : fileOf(item, best(item) ? `outputs/${item.best}` : "before", 320);
    if (from === source) return;
    if (source instanceof File) URL.revokeObjectURL(image.src);
    source = from;
    setSource(image, from instanceof File ? URL.createObjectURL(from) : from);
  }

  node.show = (now) => {
    item = now;
    const { look, upload } = item;
    if (node.dataset.state !== look) mark.replaceChildren(icon(ICONS[look]));
    node.dataset.state = look;
    setText(name, item.name);
    setText(words, item.words);
    setText(reason, upload || NOT_DONE.includes(look) ? item.reason : "");
    opener.title = item.name;
    opener.disabled = pickable.hidden = Boolean(upload);
    bar.hidden = look !== "sending";
    bar.value = item.part ?? 0;
    box.checked = Boolean(item.picked);
    box.ariaLabel = `Select ${item.name}`;
    again.hidden = upload ? !(item.mayPass && look === "refused") : !NOT_DONE.includes(look);
    away.hidden = !upload || look === "sent";
    showThumb();
  };
  return node;
}
