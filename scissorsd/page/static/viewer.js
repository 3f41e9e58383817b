// One picture, large: compare, judge, download, have it cut again.

import { act, addressOf, best, call, choices, downloadZip, fileOf } from "./api.js";
import * as decisions from "./decisions.js";
import { $, button, field, fill, h, icon, say, sayFault, setText, tell } from "./dom.js";
import * as pictures from "./pictures.js";
import * as stage from "./stage.js";

const SWATCHES = { "": "transparent", "#ffffff": "white", "#000000": "black" };
const CUTOUTS = ["avif", "tiff"]; // are never laid on a background
const SAID = { accept: "accepted", reject: "rejected", redo: "cut again" };
const DOES = { // by key: index.html tells of each
	arrowleft: () => step(-1),
	arrowright: () => step(1),
	z: stage.toggleZoom,
	"+": () => stage.zoomBy(1.25),
	"-": () => stage.zoomBy(0.8),
	s: () => setMode(modes[(modes.findIndex(({ ariaPressed }) => ariaPressed === "true") + 1) % 3]),
	b: () => stage.blink(true),
	m: mask,
	d: () => best(card) && $("v-links").firstChild.click(),
	a: () => (card.review ? decide("accept") : zip()),
	x: () => card.review && decide("reject"),
	r: redo,
	u: undo,
	escape: () => dialog.close(),
	"?": () => $("v-keys").toggleAttribute("open"),
};

const dialog = $("viewer");
const wish = $("redo");
const modes = [...dialog.querySelectorAll("button[data-mode]")];
const keyed = Object.fromEntries([...dialog.querySelectorAll("[data-key]")].map((one) => [one.dataset.key, one]));
let card = null;
export let index = 0; // in the list
let isMasked = false;

export function prepare() {
	for (const [key, one] of Object.entries(keyed)) one.onclick = () => DOES[key]();
	for (const one of modes) one.onclick = () => setMode(one);
	setMode(modes[0]);
	fill(wish, ...choices.redo.map((one) => field(one)), button("again", "Redo", () => ask("redo", Object.fromEntries(new FormData(wish)))));
	prepareFinish();
}

export async function open(shown) {
	if (card?.key !== shown.key) {
		stage.fit();
		$("v-redo").open = false;
		wish.reset();
		$("v-side").scrollTop = 0;
	}
	card = shown;
	if (!dialog.open) dialog.showModal();
	showWords();
	showActs();
	showFiles();
	// The neighbours' previews, so that the next step shows at once.
	for (const other of [next(1), next(-1)].filter(Boolean)) for (const { preview } of Object.values(filesOf(other))) new Image().src = preview;
	if (pictures.list.length - index < 9 && !pictures.isWhole) tell("look");
	const { why = [] } = await call(addressOf(card)).catch(() => ({}));
	if (card === shown) fill($("v-why"), ...why.map((line) => h("p", {}, line)));
}

// The list was read anew.
export function reread() {
	const now = card && pictures.get(card.key);
	if (now && (now.version !== card.version || now.look !== card.look)) open(now);
	else if (card) showWords((card = now ?? card));
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

const step = (by) => next(by) && open(next(by));

function showWords() {
	const { name, reason, about, look, words } = card;
	index = pictures.at.get(card.key) ?? Math.max(0, Math.min(index, pictures.list.length - 1));
	setText($("v-place"), `${index + 1} of ${pictures.list.length}${pictures.isWhole ? "" : "+"}`);
	keyed.arrowleft.disabled = !next(-1);
	keyed.arrowright.disabled = !next(1);
	setText($("v-name"), name);
	$("v-state").dataset.state = look;
	fill($("v-state"), h("strong.state", {}, words), reason && h("p", {}, reason), h("p.words", {}, about));
}

function showActs() {
	fill($("v-acts"), ...card.acts.map(({ verb, label, icon: drawn, ...more }) => button(drawn, label, () => ask(verb), more)));
	$("v-redo").hidden = card.state !== "done";
}

function redo() {
	$("v-redo").open = true;
	wish.elements[0].focus();
}

function showFiles() {
	if (!card) return;
	const output = best(card);
	const { before, after } = filesOf(card);
	const asked = wanted();
	const isFinished = card.finishable && asked.size;
	const full = isFinished ? `${fileOf(card, "finish")}&${asked}` : after?.full;
	const isReframed = isFinished && (!isPlain() || asked.size > asked.has("background") + asked.has("format"));
	const count = card.outputs.filter(({ there }) => there).length;
	$("finish").hidden = !output || !card.finishable;
	fill($("v-links"),
		output && h("a.button.strong", { href: `${full}&download=1`, download: "" }, icon("down"), isFinished ? "Download as chosen" : `Download ${output.name}`),
		count > 1 && button("zip", `All ${count} outputs`, zip),
		card.finishable && navigator.clipboard && button("", "Copy", copy));
	stage.show({ name: card.name, before, after: isReframed ? { preview: full, full } : after, mask: fileOf(card, "mask", 2048), colour: isPlain() ? background : "" });
	keyed.m.hidden = !output;
	stage.showMask(isMasked && Boolean(output));
}

function setMode(chosen) {
	stage.setMode(chosen.dataset.mode);
	for (const one of modes) one.ariaPressed = one === chosen;
}

function mask() {
	isMasked = !isMasked;
	keyed.m.ariaPressed = isMasked;
	stage.showMask(isMasked);
}

const zip = () => downloadZip([card]).catch(sayFault);

function copy() {
	const png = fetch(`${addressOf(card)}/finish?format=png`).then((answer) => answer.blob());
	navigator.clipboard.write([new ClipboardItem({ "image/png": png })]).then(() => say("The cutout was copied."), sayFault);
}

const ask = (verb, given) => (card.review && SAID[verb] ? decide : send)(verb, given);

export const send = (verb, given, one = card) => act(one, verb, given).then(({ said }) => say(said.join(" ")), sayFault).then(() => tell("look"));

function decide(verb, given) {
	const { name } = card;
	decisions.decide(card, verb, given);
	const to = next(1) ?? next(-1);
	if (to) open(to);
	else dialog.close();
	say(`${name}: ${SAID[verb]}.`, false, button("", "Undo", undo));
}

function undo() {
	const back = decisions.undo();
	if (!back) return;
	say(`${back.name}: taken back.`);
	open(back);
}

dialog.onclose = () => {
	document.body.append($("note"));
	tell("viewed", card.key);
	[card, index] = [null, 0];
};

window.onkeydown = (event) => {
	const key = event.key.toLowerCase();
	const isTaken = event.target.matches("select, [type=text], [type=search]") || (event.target.type === "range" && key.startsWith("arrow"));
	if (event.ctrlKey || event.metaKey || event.altKey || isTaken || !DOES[key] || !(dialog.open || key === "u")) return;
	event.preventDefault();
	if (!event.repeat || !"axdu".includes(key)) DOES[key]();
};
window.onkeyup = ({ key }) => key.toLowerCase() === "b" && stage.blink(false);

// --- how a download is to look: made by the server from the full-size cutout

const form = $("finish");
let background = "";
const isPlain = () => !background || background.startsWith("#");

const wanted = () => new URLSearchParams([["background", background], ...new FormData(form)].filter(([, value]) => value));

function prepareFinish() {
	const swatches = Object.entries(SWATCHES).map(([value, name]) => button("", "", () => paint(value), { className: "swatch", style: `background: ${value}`, title: `${name} background`, value }));
	const other = h("input", { type: "color", value: "#2f6fde", ariaLabel: "Another background", oninput: () => paint(other.value) });
	const lay = () => call("api/v1/backgrounds", null, { method: "POST", body: file.files[0] }).then((said) => paint(said.background), sayFault);
	const file = h("input", { type: "file", accept: "image/*", hidden: true, onchange: lay });
	const picture = button("", "Picture", () => file.click(), { title: "A picture as background" });
	fill(form, h("div.row", { role: "group", ariaLabel: "Background" }, ...swatches, other, picture, file), ...choices.finish.map((one) => field(one)));
	form.onsubmit = (event) => event.preventDefault();
	form.onchange = () => paint(background);
	paint("");

	function paint(value) {
		background = value;
		for (const swatch of swatches) swatch.ariaPressed = swatch.value === value;
		other.classList.toggle("now", isPlain() && !(value in SWATCHES));
		picture.ariaPressed = !isPlain();
		const { format, shadow } = form.elements;
		shadow.hidden = shadow.disabled = !value;
		for (const option of format.options) option.disabled = value && CUTOUTS.includes(option.value);
		if (format.selectedOptions[0].disabled) format.value = "";
		showFiles();
	}
}
