// The page: a view of what the server says, read anew while someone looks.

import { act, call, choices, downloadZip, readChoices } from "./api.js";
import * as decisions from "./decisions.js";
import { $, button, field, fill, h, icon, many, say, sayFault, setText } from "./dom.js";
import * as drop from "./drop.js";
import * as list from "./list.js";
import * as pictures from "./pictures.js";
import { tellCut } from "./stage.js";
import * as uploads from "./uploads.js";
import * as viewer from "./viewer.js";

const BUSY = 2000; // ms between looks while something works, and
const IDLE = 6000;
const SPARE = 600; // at the least
const STANDING = 12_000; // between looks at the daemon, where no event tells of it
const NOT_DONE = ["failed", "held"];

let view = "queue";
let inbox = "";
let batch = "";
let lastBatch = "";
let standing = {}; // of the daemon
let stoodAt = -STANDING;
let away = ""; // why it was not heard
let events = null;

// --- looking

let timer = 0;
let isLooking = false;
let isTold = false; // meanwhile that something has changed
let lookedAt = -SPARE;
// Look soon, and then every now and then.
function look() {
	isTold = true;
	if (!isLooking) lookIn(lookedAt + SPARE - performance.now());
}

function lookIn(wait) {
	clearTimeout(timer);
	timer = setTimeout(async () => {
		const began = performance.now();
		[isLooking, isTold] = [true, false];
		await lookOnce();
		[isLooking, lookedAt] = [false, performance.now()];
		const { cutting, waiting } = pictures.said.counts ?? {};
		const least = isTold ? SPARE : uploads.isBusy() || cutting || waiting ? BUSY : IDLE;
		if (isTold || !document.hidden) lookIn(Math.max(least, 4 * (lookedAt - began)));
	}, wait);
}

async function lookOnce() {
	try {
		if (performance.now() - stoodAt > STANDING) stand(await call("api/v1/status"));
		if (!choices) await begin();
		const before = shownUploads().length;
		await pictures.read(Math.max(list.last + 50 - before, viewer.index + 9));
		if (away) uploads.refused().filter(({ mayPass }) => mayPass).forEach(uploads.again);
		if (decisions.countUnsent()) await decisions.resend();
		away = "";
	} catch (fault) {
		away = fault.message;
	}
	showStanding();
}

async function begin() {
	await readChoices();
	drop.prepare();
	viewer.prepare();
	listen();
}

function stand(said) {
	[standing, stoodAt] = [said, performance.now()];
	showStanding();
}

// Events only say "look again".
function listen() {
	events?.close();
	if (document.hidden) return;
	events = new EventSource("api/v1/events");
	events.addEventListener("changed", look);
	events.addEventListener("standing", ({ data }) => stand(JSON.parse(data)));
}

// --- showing

const query = () => $("search").value.trim();

const undecided = () => pictures.list.filter((card) => !decisions.isDecided(card));

const shownUploads = () => (view === "queue" && !query() ? uploads.beside() : []);

let frame = 0;
function show() {
	frame ||= requestAnimationFrame(showNow);
}

function showNow() {
	frame = 0;
	const sending = shownUploads();
	const there = undecided();
	list.show([...sending, ...there]);
	const isNone = pictures.isRead && !sending.length && !there.length;
	const { counts, none } = pictures.said;
	setText($("none"), isNone ? none : "");
	$("empty").hidden = !isNone || Boolean(none);
	$("dropbar").hidden = view !== "queue";
	$("tools").hidden = !counts || !$("empty").hidden;
	showSummary();
	showTools(there.length > 0);
	viewer.reread();
}

function showSummary() {
	const { counts, told, time_left: timeLeft } = pictures.said;
	if (!counts) return;
	const toGo = counts.waiting + counts.cutting + uploads.countUncounted();
	const more = (count, words) => count && many(count, words, words);
	const words = [told, more(uploads.refused().length, "not sent"), more(toGo, "to go"), toGo && timeLeft && `about ${timeLeft}`];
	setText($("summary"), words.filter(Boolean).join(" · "));
	setText($("aloud"), toGo ? "" : told); // once all is through
}

let shownTools = "";
function showTools(isAny) {
	const count = list.picked.size;
	const hasDone = pictures.said.counts?.done > 0;
	const now = [view, inbox, batch, lastBatch, count, hasDone, isAny].join();
	if (now === shownTools || !choices) return;
	shownTools = now;
	const names = choices.inboxes.map(({ name }) => name);
	fill($("filters"),
		names[1] && field({ label: "Inbox", options: [["", "every inbox"], ...names], value: inbox }, (value) => refresh((inbox = value))),
		view === "queue" && lastBatch && button("", "This drop only", () => refresh((batch = batch ? "" : lastBatch)), { ariaPressed: Boolean(batch) }));
	fill($("picked"),
		isAny && view === "review" && button("eye", "Review one by one", review, { className: "strong" }),
		isAny && button("ok", count ? `Clear ${count}` : "Select all", selectAll),
		hasDone && view !== "failed" && button("zip", count ? "Zip" : "Zip all", zip),
		isAny && (count || view === "failed") && button("again", count ? "Retry" : "Retry all", retryAll));
}

function showStanding() {
	const { counts, banner } = standing;
	const unsent = decisions.countUnsent();
	const kept = unsent ? ` ${many(unsent, "decision waits", "decisions wait")} to be sent.` : "";
	const trouble = away ? `${away} It is asked again every few seconds.${kept}` : banner;
	const words = trouble ? `not healthy: ${trouble}` : "healthy";
	setText($("banner"), trouble ?? "");
	setText($("n-review"), counts?.review || "");
	setText($("n-failed"), counts?.failed + counts?.held || "");
	Object.assign($("health"), { className: trouble ? "" : "good", title: words });
	fill($("health"), icon(trouble ? "warn" : "ok"));
}

async function showSettings() {
	const { sections } = await call("api/v1/settings").catch((fault) => sayFault(fault) ?? { sections: [] });
	const here = new URL(".", location).href;
	fill($("of-settings"), ...sections.map(({ title, lines }) => h("section", {}, h("h2", {}, title),
		...lines.map(({ text, code }) => (code ? h("pre", {}, code.replace("{here}", here)) : h("p", {}, text))))));
}

// --- doing

const review = () => viewer.open(undecided()[0]);

async function selectAll() {
	if (list.picked.size) list.picked.clear();
	else for (const card of await pictures.all()) list.picked.add(card.key);
	show();
}

const chosen = async (states) => (await pictures.all()).filter((card) => (!list.picked.size || list.picked.has(card.key)) && states.includes(card.state));

const zip = () => chosen(["done"]).then(downloadZip).then((count) => say(`${many(count, "picture")} in one zip.`)).catch(sayFault);

async function retryAll() {
	let faults = 0;
	const cards = await chosen(NOT_DONE);
	for (const card of cards) await act(card, "retry").catch(() => faults++);
	const more = faults ? ` ${faults} cannot be: open one to see why.` : "";
	say(`${many(cards.length - faults, "picture is", "pictures are")} tried again.${more}`, faults > 0);
	list.picked.clear();
	look();
}

function refresh() {
	list.picked.clear();
	const states = { review: ["review"], failed: NOT_DONE }[view] ?? [];
	const asked = [["inbox", inbox], ["batch", view === "queue" && batch], ["q", query()], ...states.map((one) => ["state", one])];
	pictures.show(`&${new URLSearchParams(asked.filter(([, value]) => value))}`);
	show();
}

function route() {
	const { hash: asked } = location;
	// A key has done its work by now, and leaves the address.
	if (asked.startsWith("#key=")) history.replaceState(null, "", location.pathname);
	const links = [...document.querySelectorAll("nav a")];
	const link = links.find(({ hash }) => hash === asked) ?? links[0];
	for (const other of links) other.ariaCurrent = other === link ? "page" : null;
	view = link.hash.slice(1);
	$("of-queue").hidden = view === "settings";
	$("of-settings").hidden = view !== "settings";
	if (view === "settings") showSettings();
	else refresh();
	scrollTo(0, 0);
}

let typing = 0;
$("search").oninput = () => {
	clearTimeout(typing);
	typing = setTimeout(refresh, 250);
};
const demo = document.querySelector(".demo");
demo.querySelector("input").oninput = ({ target }) => tellCut(demo, target);
for (const [name, done] of Object.entries({
	hashchange: route,
	visibilitychange: () => {
		if (choices) listen();
		if (!document.hidden) look();
	},
	show,
	look,
	uploads: () => {
		show();
		look();
	},
	// The server asks for the key itself; a page that has just come must not be loaded for ever.
	"key-wanted": () => performance.now() > 5000 && location.reload(),
	beforeunload: (event) => (uploads.isBusy() || decisions.countUnsent()) && event.preventDefault(),
	dropped: ({ detail }) => {
		lastBatch = detail;
		if (view !== "queue") location.hash = "queue";
		scrollTo(0, 0);
	},
	viewed: ({ detail }) => {
		const at = pictures.at.get(detail);
		if (at >= 0) list.focus(at + shownUploads().length);
	},
})) addEventListener(name, done);
route();
look();
