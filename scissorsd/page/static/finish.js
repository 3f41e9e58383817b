// How a download is to look: made by the server from the full-size cutout.

import { addressOf, fileOf } from "./api.js";
import { best } from "./card.js";
import { choice, fill, h } from "./dom.js";

const SWATCHES = { "": "transparent", "#ffffff": "white", "#000000": "black", "#f4f4f4": "light grey" };
const CUTOUTS = ["avif", "tiff"]; // are never laid on a background

export class Finish {
  background = "";

  /** Put the choices into `root`; `changed()` is called after each. */
  constructor(root, changed) {
    const told = () => {
      this.#show();
      changed();
    };
    const paint = (colour) => {
      this.background = colour;
      told();
    };
    const tick = (words) => {
      const box = h("input", { type: "checkbox", onchange: told });
      return [box, h("label", {}, box, words)];
    };
    this.swatches = Object.entries(SWATCHES).map(([value, name]) => {
      const swatch = h("button", { type: "button", className: "swatch", title: name, ariaLabel: `${name} background`, value, onclick: () => paint(value) });
      if (value) swatch.style.background = value;
      return swatch;
    });
    this.colour = h("input", { type: "color", value: "#2f6fde", ariaLabel: "Another background", oninput: () => paint(this.colour.value) });
    const [crop, cropped] = tick("Crop to the subject");
    const [shadow, shadowed] = tick("Soft shadow");
    const margin = choice("Margin", [["", "no margin"], ...["5%", "10%", "15%", "20%"].map((each) => [each, `${each} margin`])], "", told);
    const aspect = choice("Shape", [["", "any shape"], "1:1", "4:5", "3:2", "16:9"], "", told);
    const size = h("input", { type: "text", placeholder: "full size, or 1000x1000", ariaLabel: "Size in pixels", onchange: told });
    const format = choice("Format", [["", "any format"], ...["png", "jpeg", "webp", "avif", "tiff"].map((each) => [each, each.toUpperCase()])], "", told);
    Object.assign(this, { crop, shadow, shadowed, margin, aspect, size, format });
    fill(root, h("div", { className: "swatches", role: "group", ariaLabel: "Background" }, ...this.swatches, this.colour), cropped, margin, aspect, size, shadowed, format);
    this.#show();
  }

  #show() {
    const { background, format } = this;
    for (const swatch of this.swatches) swatch.ariaPressed = swatch.value === background;
    this.colour.classList.toggle("now", !(background in SWATCHES));
    this.shadowed.hidden = !background;
    for (const option of format.options) option.disabled = background && CUTOUTS.includes(option.value);
    if (format.selectedOptions[0].disabled) format.value = "";
  }

  /** What was asked for, in the words of the configuration. */
  get words() {
    const { background, crop, shadow, margin, aspect, size, format } = this;
    const words = { background, margin: margin.value, aspect: aspect.value, size: size.value.replace(/\s*[×x*]\s*/i, "x").trim(), format: format.value };
    if (crop.checked) words.crop = "subject";
    if (background && shadow.checked) words.shadow = "soft";
    return new URLSearchParams(Object.entries(words).filter(([, value]) => value));
  }

  /** Whether only the server can show it. */
  get isReframed() {
    return ["crop", "margin", "aspect", "size", "shadow"].some((word) => this.words.has(word));
  }

  /** The address of what was asked for: where that is nothing, the outbox's own bytes. */
  address(card) {
    const { words } = this;
    if (!card.finishable || !words.size) return fileOf(card, `outputs/${best(card).n}`);
    words.set("v", card.version);
    return `${addressOf(card)}/finish?${words}`;
  }
}
