// Before and after in one place: a slider, side by side, or in turns; zoomed and moved together.

import { h, icon } from "./dom.js";

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** Let a range tell how much of `frame` is before, and where its style sheet cuts it. */
export function tellCut(frame, range, cut = `${range.value}%`) {
  frame.style.setProperty("--cut", cut);
  range.ariaValueText = `${Math.round(range.value)} % before`;
}

class Half {
  source = "";
  width = 0;
  height = 0;
  image = h("img", { alt: "", draggable: false, onload: () => this.#measure(), onerror: () => (this.image.hidden = true) });
  over = h("div", { className: "over", hidden: true });

  constructor(name, measured) {
    this.measured = measured;
    this.box = h("div", { className: `half ${name}` }, this.image, this.over);
  }

  /** Show a preview, and later the full bytes behind it. */
  async load({ preview = "", full = "" } = {}) {
    if (this.source === preview) return;
    Object.assign(this, { source: preview, full, width: 0, sharper: null, isFull: preview === full });
    this.image.removeAttribute("src");
    if (preview) await this.#take(preview);
  }

  /** Take the full bytes, where the browser can show them (no TIFF, no HEIC). */
  sharpen() {
    const { full, source } = this;
    const take = () => source === this.source && this.#take(full);
    this.sharper ??= this.isFull || h("img", { src: full }).decode().then(take, () => {});
    return this.sharper;
  }

  async #take(address) {
    const { source, image } = this;
    image.src = address;
    await image.decode().catch(() => {});
    if (source === this.source && image.naturalWidth) this.isFull = address === this.full;
  }

  #measure() {
    const { naturalWidth: width, naturalHeight: height } = this.image;
    Object.assign(this, { width, height });
    this.image.hidden = false;
    this.measured();
  }
}

export class Stage {
  mode = "slider";
  zoom = 1; // times what fits
  centre = [0.5, 0.5]; // of the picture, in the middle of the stage
  before = new Half("before", () => this.draw());
  after = new Half("after", () => this.draw());
  range = h("input", { type: "range", step: "any", ariaLabel: "Before and after", oninput: () => this.draw() });

  constructor(root, told) {
    Object.assign(this, { root, told });
    root.append(this.before.box, this.after.box, this.range, h("div", { className: "line" }, h("span", { className: "grip" }, icon("grip"))));
    new ResizeObserver(() => this.draw()).observe(root);
    this.#listen();
  }

  /** Show addresses, `before` and `after` (or none) as {preview, full}, and `mask`. */
  show({ name, before, after, mask }) {
    this.before.image.alt = `before: ${name}`;
    this.after.image.alt = `after: ${name}`;
    this.isAlone = !after;
    this.before.over.style.maskImage = `linear-gradient(#fff, #fff), url("${mask}")`;
    this.before.load(before).then(() => this.draw());
    this.after.load(after).then(() => this.draw());
    this.draw();
  }

  setMode(mode) {
    this.mode = mode;
    this.draw();
  }

  fit() {
    this.zoom = 1;
    this.draw();
  }

  /** Device pixels to one of the picture. */
  get scale() {
    return this.#lie().fit * this.zoom * devicePixelRatio;
  }

  /** For "100 %" the picture's true size must be known. */
  async setScale(scale) {
    await Promise.all([this.before.sharpen(), this.after.sharpen()]);
    this.zoomBy(scale / this.scale);
  }

  toggleZoom() {
    if (this.zoom === 1) this.setScale(1);
    else this.fit();
  }

  /** Zoom about a point of the stage, which stays where it is. */
  zoomBy(factor, at) {
    const { fit, room, size, start } = this.#lie();
    const unit = fit * devicePixelRatio;
    const zoom = clamp(this.zoom * factor, Math.min(1, 0.1 / unit), Math.max(1, 4 / unit));
    const grown = zoom / this.zoom;
    this.centre = [0, 1].map((axis) => {
      const point = at?.[axis] ?? room[axis] / 2;
      return (room[axis] / 2 - point) / (size[axis] * grown) + (point - start[axis]) / size[axis];
    });
    this.zoom = zoom;
    this.moveBy([0, 0]);
  }

  moveBy(by) {
    const { room, size } = this.#lie();
    this.centre = this.centre.map((centre, axis) => {
      const edge = Math.min(0.5, room[axis] / 2 / size[axis]);
      return clamp(centre - by[axis] / size[axis], edge, 1 - edge);
    });
    this.draw();
  }

  blink(isHeld) {
    this.root.classList.toggle("held", isHeld);
  }

  mask(isOn) {
    this.before.over.hidden = !isOn;
    this.root.classList.toggle("masked", isOn);
  }

  // A cropped output has another shape and cannot lie over its picture.
  get #shown() {
    const { before, after, mode } = this;
    if (this.isAlone) return "alone";
    const differ = before.width && after.width && Math.abs((before.width * after.height) / (before.height * after.width) - 1) > 0.02;
    return differ && mode === "slider" ? "side" : mode;
  }

  // Where the picture lies, by axes: the room it has, what fits, its size and start.
  #lie(half = this.after.width ? this.after : this.before) {
    const room = [this.root.clientWidth, this.root.clientHeight];
    const longer = room[1] > room[0] ? 1 : 0;
    if (this.#shown === "side") room[longer] /= 2;
    const own = [half.width || 1, half.height || 1];
    const fit = Math.min(room[0] / own[0], room[1] / own[1], 2);
    const size = own.map((one) => one * fit * this.zoom);
    const start = size.map((one, axis) => (one <= room[axis] ? (room[axis] - one) / 2 : clamp(room[axis] / 2 - this.centre[axis] * one, room[axis] - one, 0)));
    return { room, fit, size, start, longer };
  }

  draw() {
    const { root, before, after, range } = this;
    const mode = (root.dataset.mode = this.#shown);
    const px = (value) => `${value}px`;
    for (const half of [before, after]) {
      const { room, fit, size, start, longer } = this.#lie(half);
      const shift = [0, 0];
      if (mode === "side" && half === after) shift[longer] = room[longer];
      Object.assign(half.box.style, { left: px(shift[0]), top: px(shift[1]), width: px(room[0]), height: px(room[1]) });
      const lies = { width: px(size[0]), height: px(size[1]), transform: `translate(${start.map(px)})` };
      Object.assign(half.image.style, lies);
      Object.assign(half.over.style, lies);
      const scale = fit * this.zoom * devicePixelRatio;
      half.image.classList.toggle("coarse", scale >= 2);
      if (half.width && !half.isFull && !half.sharper && scale > 1) half.sharpen().then(() => this.draw());
    }
    const { room, size, start } = this.#lie();
    const left = Math.max(0, start[0]);
    this.seen = [left, Math.min(room[0], start[0] + size[0]) - left];
    Object.assign(range.style, { left: px(left), width: px(this.seen[1]) });
    tellCut(root, range, px(left + (this.seen[1] * range.value) / 100));
    this.told(this);
  }

  #cutAt(x) {
    this.range.value = ((x - this.seen[0]) / this.seen[1]) * 100;
    this.draw();
  }

  #listen() {
    const { root } = this;
    const fingers = new Map();
    let cuts = false;
    let moved = 0;
    const place = ({ clientX, clientY }) => {
      const { left, top } = root.getBoundingClientRect();
      const { room } = this.#lie();
      const at = [clientX - left, clientY - top];
      return this.#shown === "side" ? at.map((one, axis) => one % room[axis]) : at;
    };
    root.onpointerdown = (event) => {
      if (event.button) return;
      const at = place(event);
      root.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, at);
      const { room, size } = this.#lie();
      const fits = size[0] < room[0] + 1 && size[1] < room[1] + 1;
      moved = 0;
      cuts = this.#shown === "slider" && (fits || Math.abs(at[0] - parseFloat(root.style.getPropertyValue("--cut"))) < 24);
      if (cuts) this.#cutAt(at[0]);
      if (this.#shown === "blink") this.blink(true);
    };
    root.onpointermove = (event) => {
      const was = fingers.get(event.pointerId);
      if (!was) return;
      const at = place(event);
      const by = [at[0] - was[0], at[1] - was[1]];
      const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
      const apart = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]) || 1;
      if (other) this.zoomBy(apart(at) / apart(was), [(at[0] + other[0]) / 2, (at[1] + other[1]) / 2]);
      else if (cuts) this.#cutAt(at[0]);
      else this.moveBy(by);
      moved += Math.hypot(...by);
      fingers.set(event.pointerId, at);
    };
    root.onpointerup = root.onpointercancel = (event) => {
      if (!fingers.delete(event.pointerId)) return;
      this.blink(false);
      if (event.type === "pointerup" && this.#shown === "slider" && moved < 4) this.#cutAt(place(event)[0]);
    };
    root.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY * 0.0015), place(event));
    }, { passive: false });
    root.ondblclick = () => this.toggleZoom();
  }
}
