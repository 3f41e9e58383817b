// Before and after in one place: a slider, side by side, or in turns; zoomed and moved together.

import { h, setSource } from "./dom.js";

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const px = (value) => `${value}px`;

/** Let a range tell how much of `frame` is before, and where its style sheet cuts it. */
export function tellCut(frame, range, cut = `${range.value}%`) {
  frame.style.setProperty("--cut", cut);
  range.ariaValueText = `${Math.round(range.value)} % before`;
}

class Half {
  source = "";
  width = 0;
  height = 0;
  image = h("img", { draggable: false, onload: () => this.#measure() });
  over = h("div", { className: "over", hidden: true });
  frame = h("div", {}, this.image, this.over);

  constructor(name, measured) {
    this.measured = measured;
    this.box = h("div", { className: `half ${name}` }, this.frame);
  }

  /** Show a preview, and later the full bytes behind it. */
  load({ preview = "", full = "" } = {}) {
    if (this.source === preview) return;
    Object.assign(this, { source: preview, full, width: 0, sharper: null, isFull: preview === full });
    this.image.removeAttribute("src");
    if (preview) setSource(this.image, preview);
  }

  /** Take the full bytes, where the browser can show them (no TIFF, no HEIC). */
  sharpen() {
    const { full, source } = this;
    const take = async () => {
      if (source !== this.source) return;
      this.isFull = true;
      this.image.src = full;
      await this.image.decode();
    };
    this.sharper ??= this.isFull || h("img", { src: full }).decode().then(take).catch(() => {});
    return this.sharper;
  }

  #measure() {
    const { naturalWidth: width, naturalHeight: height } = this.image;
    Object.assign(this, { width, height });
    this.measured();
  }
}

export class Stage {
  mode = "slider";
  zoom = 1; // times what fits
  centre = [0.5, 0.5]; // of the picture, in the middle of the stage
  before = new Half("before", () => this.draw());
  after = new Half("after", () => this.draw());

  /** `told` gets the zoom in words. */
  constructor(root, told) {
    const range = root.querySelector("input");
    Object.assign(this, { root, told, range });
    root.prepend(this.before.box, this.after.box);
    range.oninput = () => this.draw();
    new ResizeObserver(() => this.draw()).observe(root);
    this.#listen();
  }

  /** Show addresses, `before` and `after` (or none) as {preview, full}, and `mask`. */
  show({ name, before, after, mask }) {
    this.before.image.alt = `before: ${name}`;
    this.after.image.alt = `after: ${name}`;
    this.isAlone = !after;
    this.before.over.style.maskImage = `linear-gradient(#fff, #fff), url("${mask}")`;
    this.before.load(before);
    this.after.load(after);
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

  /** All of it, or 100 %: for that its true size must be known. */
  async toggleZoom() {
    if (this.zoom !== 1) return this.fit();
    await Promise.all([this.before.sharpen(), this.after.sharpen()]);
    return this.zoomBy(1 / this.#lie().scale);
  }

  /** Zoom about a point of the stage, which stays where it is. */
  zoomBy(factor, at) {
    const { scale, room, size, start } = this.#lie();
    const unit = scale / this.zoom;
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

  // Where a picture lies in its half, by axes: the room, its size and start; and device pixels to one of it.
  #lie(half = this.after.width ? this.after : this.before) {
    const room = [half.box.clientWidth, half.box.clientHeight];
    const own = [half.width || 1, half.height || 1];
    const fit = Math.min(room[0] / own[0], room[1] / own[1], 2) || 1;
    const size = own.map((one) => one * fit * this.zoom);
    const start = size.map((one, axis) => (one <= room[axis] ? (room[axis] - one) / 2 : clamp(room[axis] / 2 - this.centre[axis] * one, room[axis] - one, 0)));
    return { room, size, start, scale: fit * this.zoom * devicePixelRatio };
  }

  draw() {
    const { root, range } = this;
    root.dataset.mode = this.#shown;
    for (const half of [this.before, this.after]) {
      const { size, start, scale } = this.#lie(half);
      Object.assign(half.frame.style, { width: px(size[0]), height: px(size[1]), transform: `translate(${start.map(px)})` });
      half.frame.classList.toggle("coarse", scale >= 2);
      if (half.width && !half.sharper && scale > 1) half.sharpen();
    }
    const { room, size, start, scale } = this.#lie();
    const left = Math.max(0, start[0]);
    this.seen = [left, Math.min(room[0], start[0] + size[0]) - left];
    Object.assign(range.style, { left: px(left), width: px(this.seen[1]) });
    tellCut(root, range, px(left + (this.seen[1] * range.value) / 100));
    this.told(this.zoom === 1 ? "Fit" : `${Math.round(scale * 100)} %`);
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
      return [(clientX - left) % (room[0] + 1), (clientY - top) % (room[1] + 1)]; // side by side there are two
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
      this.blink(this.#shown === "blink");
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
    root.onwheel = (event) => {
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY * 0.0015), place(event));
    };
    root.ondblclick = () => this.toggleZoom();
  }
}
