// Before and after in one place: a slider, side by side, or in turns; zoomed and moved together.
// Places are pixels from the middle, by axes.

import { $, h, setText } from "./dom.js";

const root = $("stage");
const range = root.querySelector("input");
const [before, after] = [makeHalf("before"), makeHalf("after")];
const over = h("div.over"); // what the mask takes away
let mode = "slider";
let isAlone = false; // there is no picture after
let zoom = 1; // times what fits
let middle = [0, 0]; // of the picture

const within = (value, most) => Math.min(most, Math.max(-most, value));
const px = (value) => `${value}px`;

function makeHalf(name) {
	const image = h("img", { draggable: false, onload: () => moveBy() });
	const frame = h("div", {}, image);
	return { image, frame, box: h(`div.half.${name}`, {}, frame) };
}

// Show a preview in a half, and later the full bytes behind it.
function load(half, { preview = "", full = "" } = {}) {
	if (half.preview === preview) return;
	Object.assign(half, { preview, full, sharper: null });
	half.image.removeAttribute("src");
	if (preview) half.image.src = preview;
}

// Take the full bytes, where the browser can show them (no TIFF, no HEIC).
function sharpen(half) {
	const { full, image } = half;
	const take = () => full === half.full && Object.assign(image, { src: full }).decode();
	return (half.sharper ??= h("img", { src: full }).decode().then(take).catch(() => {}));
}

// `before` and `after` (or none) are {preview, full}.
export function show({ name, before: one, after: other, mask, colour }) {
	before.image.alt = `before: ${name}`;
	after.image.alt = `after: ${name}`;
	after.image.style.background = colour;
	isAlone = !other;
	over.style.maskImage = `linear-gradient(#fff, #fff), url("${mask}")`;
	load(before, one);
	load(after, other);
	draw();
}

export function setMode(name) {
	mode = name;
	moveBy();
}

export const showMask = (isOn) => root.classList.toggle("masked", isOn);

export const blink = (isHeld) => root.classList.toggle("held", isHeld);

export function fit() {
	zoom = 1;
	moveBy();
}

// All of it, or 100 %: for that its true size must be known.
export async function toggleZoom() {
	if (zoom !== 1) return fit();
	await Promise.all([sharpen(before), sharpen(after)]);
	return zoomBy(1 / lie().scale);
}

// Zoom about a place, which stays where it is.
export function zoomBy(factor, at = [0, 0]) {
	const whole = lie().scale / zoom;
	const was = zoom;
	zoom = Math.min(Math.max(1, 4 / whole), Math.max(Math.min(1, 0.1 / whole), zoom * factor));
	moveBy(at.map((one, axis) => (one - middle[axis]) * (1 - zoom / was)));
}

function moveBy(by = [0, 0]) {
	const { room, size } = lie();
	middle = middle.map((one, axis) => within(one + by[axis], Math.max(0, size[axis] - room[axis]) / 2));
	draw();
}

// A cropped output has another shape and cannot lie over its picture.
function shownMode() {
	if (isAlone) return "alone";
	const [one, other] = [before, after].map(({ image }) => image.naturalWidth / image.naturalHeight);
	return mode === "slider" && Math.abs(one / other - 1) > 0.02 ? "side" : mode;
}

// How large a picture is in the room it has, and how many device pixels one of its is.
function lie({ box, image } = after.image.naturalWidth ? after : before) {
	const room = [box.clientWidth, box.clientHeight];
	const own = [image.naturalWidth || 1, image.naturalHeight || 1];
	const by = zoom * (Math.min(room[0] / own[0], room[1] / own[1], 2) || 1);
	return { room, size: own.map((one) => one * by), scale: by * devicePixelRatio };
}

// Where the picture is seen, from the left of its room.
function edges() {
	const { room, size } = lie();
	return [-1, 1].map((side) => within(middle[0] + (side * size[0]) / 2, room[0] / 2) + room[0] / 2);
}

function draw() {
	root.dataset.mode = shownMode();
	for (const half of [before, after]) {
		const { size, scale } = lie(half);
		Object.assign(half.frame.style, { width: px(size[0]), height: px(size[1]), translate: middle.map((one) => `calc(${one}px - 50%)`).join(" ") });
		half.image.classList.toggle("coarse", scale >= 2);
		if (half.image.naturalWidth && scale > 1) sharpen(half);
	}
	const [left, right] = edges();
	Object.assign(range.style, { left: px(left), width: px(right - left) });
	tellCut(root, range, px(left + ((right - left) * range.value) / 100));
	setText($("v-zoom"), zoom === 1 ? "Fit" : `${Math.round(lie().scale * 100)} %`);
}

export function tellCut(frame, slider, cut = `${slider.value}%`) {
	frame.style.setProperty("--cut", cut);
	slider.ariaValueText = `${Math.round(slider.value)} % before`;
}

// --- by hand

const fingers = new Map();
let cuts = false; // the slider is what moves
let moved = 0;

function place({ clientX, clientY }) {
	const { left, top } = root.getBoundingClientRect();
	const [wide, high] = lie().room; // side by side there are two
	return [((clientX - left) % (wide + 1)) - wide / 2, ((clientY - top) % (high + 1)) - high / 2];
}

function cutAt([x]) {
	const [left, right] = edges();
	range.value = ((x + lie().room[0] / 2 - left) / (right - left)) * 100;
	draw();
}

root.onpointerdown = (event) => {
	if (event.button) return;
	const at = place(event);
	root.setPointerCapture(event.pointerId);
	fingers.set(event.pointerId, at);
	const { room, size } = lie();
	const fits = size.every((one, axis) => one < room[axis] + 1);
	moved = 0;
	cuts = shownMode() === "slider" && (fits || Math.abs(at[0] + room[0] / 2 - parseFloat(root.style.getPropertyValue("--cut"))) < 24);
	if (cuts) cutAt(at);
	blink(shownMode() === "blink");
};
root.onpointermove = (event) => {
	const was = fingers.get(event.pointerId);
	if (!was) return;
	const at = place(event);
	const by = at.map((one, axis) => one - was[axis]);
	const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
	const apart = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]) || 1;
	if (other) zoomBy(apart(at) / apart(was), at.map((one, axis) => (one + other[axis]) / 2));
	else if (cuts) cutAt(at);
	else moveBy(by);
	moved += Math.hypot(...by);
	fingers.set(event.pointerId, at);
};
root.onpointerup = root.onpointercancel = (event) => {
	if (!fingers.delete(event.pointerId)) return;
	blink(false);
	if (event.type === "pointerup" && shownMode() === "slider" && moved < 4) cutAt(place(event));
};
root.onwheel = (event) => {
	event.preventDefault();
	zoomBy(Math.exp(-event.deltaY * 0.0015), place(event));
};
root.ondblclick = toggleZoom;
range.oninput = draw;
before.frame.append(over);
root.prepend(before.box, after.box);
new ResizeObserver(() => moveBy()).observe(root);
