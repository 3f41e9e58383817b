// The grid of cards, of which only those on the screen exist. A card is a picture, or a file on its way.

import { best, fileOf } from "./api.js";
import { $, button, fill, h, icon, setText, tell } from "./dom.js";
import * as pictures from "./pictures.js";
import * as uploads from "./uploads.js";
import * as viewer from "./viewer.js";

const AROUND = 2; // rows above and below the screen

const root = $("list");
const nodes = new Map(); // key → card
let items = [];
let columns = 1;
let step = 0; // pixels from row to row

export const picked = new Set(); // keys
export let last = 0; // so many are on the screen, or above

function makeCard() {
	let item = null;
	const image = h("img", { alt: "", decoding: "async", draggable: false });
	const [reason, name, mark, words] = [".reason", ".name", "", ""].map((one) => h(`span${one}`));
	name.dir = "auto";
	const opener = h("button.open", { onclick: () => viewer.open(item) },
		h("span.thumb", {}, image, reason), name, h("span.state", {}, mark, words));
	const box = h("input.pick", { type: "checkbox" });
	box.onchange = () => {
		picked[box.checked ? "add" : "delete"](item.key);
		tell("show");
	};
	const again = button("again", "Retry", () => (item.upload ? uploads.again(item) : viewer.send("retry", {}, item)));
	const away = button("", "×", () => uploads.drop(item), { ariaLabel: "Do not send" });
	const node = h("div.card", { role: "listitem", source: "" }, opener, box, h("span.acts", {}, again, away));
	node.show = (now) => {
		item = now;
		const { look, upload } = item;
		const isStuck = upload ? look === "refused" : item.acts.some(({ verb }) => verb === "retry");
		if (node.dataset.state !== look) fill(mark, icon(item.icon));
		node.dataset.state = look;
		setText(name, item.name);
		setText(words, item.words);
		setText(reason, isStuck ? item.reason : "");
		opener.title = item.name;
		opener.disabled = box.hidden = Boolean(upload);
		box.checked = picked.has(item.key);
		box.ariaLabel = `Select ${item.name}`;
		again.hidden = !isStuck || item.mayPass === false;
		away.hidden = !upload || look === "sent";
		const source = upload ? "" : fileOf(item, best(item) ? `outputs/${item.best}` : "before", 320);
		if (source !== node.source) image.src = node.source = source;
	};
	return node;
}

export function show(those) {
	items = those;
	draw();
}

function draw() {
	if (!root.clientWidth) return;
	const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
	columns = matchMedia("(width <= 48rem)").matches ? 1 : Math.floor((root.clientWidth + rem) / (14 * rem));
	root.style.setProperty("--columns", columns);
	const { gridAutoRows, rowGap } = getComputedStyle(root);
	step = parseFloat(gridAutoRows) + parseFloat(rowGap);
	root.style.height = `${Math.ceil(items.length / columns) * step}px`;
	const above = -root.getBoundingClientRect().top / step;
	const first = Math.max(0, Math.floor(above) - AROUND) * columns;
	last = Math.min(items.length, Math.ceil(above + innerHeight / step + AROUND) * columns);
	const shown = items.slice(first, Math.max(first, last));
	const keys = new Set(shown.map(({ key }) => key));
	for (const [key, node] of nodes) {
		const isFocused = node.contains(document.activeElement) && items.some((item) => item.key === key);
		if (keys.has(key) || isFocused) continue;
		node.remove();
		nodes.delete(key);
	}
	let next = root.firstChild;
	shown.forEach((item, offset) => {
		const index = first + offset;
		const node = nodes.get(item.key) ?? makeCard();
		nodes.set(item.key, node);
		node.show(item);
		Object.assign(node, { index, ariaSetSize: items.length, ariaPosInSet: index + 1 });
		node.style.gridArea = `${Math.floor(index / columns) + 1} / ${(index % columns) + 1}`;
		if (node === next) next = next.nextSibling;
		else root.insertBefore(node, next);
	});
	if (last > items.length - 4 * columns && pictures.isRead && !pictures.isWhole) tell("look");
}

export function focus(index) {
	const top = root.getBoundingClientRect().top + Math.floor(index / columns) * step;
	if (top < 100 || top > innerHeight - step) scrollBy(0, top - 100);
	draw();
	nodes.get(items[index]?.key)?.querySelector(".open").focus({ preventScroll: true });
}

root.onkeydown = (event) => {
	const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -Infinity, End: Infinity }[event.key];
	if (!by) return;
	event.preventDefault();
	focus(Math.min(items.length - 1, Math.max(0, event.target.closest(".card").index + by)));
};
addEventListener("scroll", draw, { passive: true });
new ResizeObserver(() => requestAnimationFrame(draw)).observe(root.parentElement);
