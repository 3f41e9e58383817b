// How a download is to look: made by the server from the full-size cutout.

import { addressOf, call, fileOf } from "./api.js";
import { $, button, fill, h, sayFault } from "./dom.js";

const SWATCHES = { "": "transparent", "#ffffff": "white", "#000000": "black" };
const CUTOUTS = ["avif", "tiff"]; // are never laid on a background

const form = $("finish");
const { background, shadow, size, format } = form.elements;

/** Let a person choose; `changed` is called after each choice. */
export function listen(changed) {
  const paint = (value) => {
    background.value = value;
    form.onchange();
  };
  const swatches = Object.entries(SWATCHES).map(([value, name]) => button("", "", () => paint(value), { className: "swatch", title: `${name} background`, value }));
  for (const swatch of swatches) swatch.style.background = swatch.value;
  const colour = h("input", { type: "color", value: "#2f6fde", ariaLabel: "Another background", oninput: () => paint(colour.value) });
  const file = h("input", { type: "file", accept: "image/*", hidden: true, onchange: () => lay(file.files[0]) });
  const lay = (picture) => call("api/v1/backgrounds", null, { method: "POST", body: picture }).then((said) => paint(said.background), sayFault);
  const picture = button("", "Picture", () => file.click(), { title: "A picture as background" });
  fill(form.firstElementChild, ...swatches, colour, picture, file);
  form.onsubmit = (event) => event.preventDefault();
  form.onchange = () => {
    const { value } = background;
    for (const swatch of swatches) swatch.ariaPressed = swatch.value === value;
    colour.classList.toggle("now", isPlain() && !(value in SWATCHES));
    picture.ariaPressed = !isPlain();
    shadow.disabled = !value;
    for (const option of format.options) option.disabled = value && CUTOUTS.includes(option.value);
    if (format.selectedOptions[0].disabled) format.value = "";
    changed();
  };
  form.onchange();
}

const isPlain = () => !background.value || background.value.startsWith("#");

/** What was asked for, in the words of the configuration. */
function words() {
  const given = new FormData(form);
  given.set("size", size.value.replace(/\s*[×x*]\s*/i, "x").trim());
  return new URLSearchParams([...given].filter(([, value]) => value));
}

/** The colour that lies behind, if any. */
export const colour = () => (isPlain() ? background.value : "");

/** Whether only the server can show it. */
export const isReframed = () => !isPlain() || [...words().keys()].some((word) => !["background", "format"].includes(word));

/** The address of what was asked for: where that is nothing, the outbox's own bytes. */
export function address(card) {
  const asked = words();
  if (!card.finishable || !asked.size) return fileOf(card, `outputs/${card.best}`);
  asked.set("v", card.version);
  return `${addressOf(card)}/finish?${asked}`;
}
