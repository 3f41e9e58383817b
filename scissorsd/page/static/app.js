// The page: a view of what the server says, read anew while someone looks.

import { act, call, downloadZip, keyOf } from "./api.js";
import { makeCard } from "./card.js";
import * as decisions from "./decisions.js";
import { $, button, choice, fill, h, icon, many, say, sayFault, setText } from "./dom.js";
import * as drop from "./drop.js";
import { Grid } from "./list.js";
import { Pictures } from "./pictures.js";
import { showSettings } from "./settings.js";
import { tellCut } from "./stage.js";
import { uploads } from "./uploads.js";
import * as viewer from "./viewer.js";

const BUSY = 2000; // ms between looks while something works, and
const IDLE = 6000; // else
const SPARE = 600; // at the least, whatever is told
const STANDING = 12_000; // between looks at the daemon, where no event tells of it
const NOT_DONE = ["failed", "held"];
const STATES = [["", "every state"], ["waiting,cutting", "to go"], "done", [NOT_DONE.join(), "failed or held"], ["review", "to review"]];
const NONE = { review: "Nothing waits for review.", failed: "Nothing has failed." };

const pictures = new Pictures();
uploads.isThere = (key) => pictures.at.has(key);
const picked = new Set(); // keys
let view = "queue";
let state = ""; // what the filters say
let inbox = "";
let batch = "";
let lastBatch = "";
let status = null;
let choices = null;
let away = ""; // why the page's server was not heard
let statusAt = 0;
let events = null;

const grid = new Grid($("list"), () => makeCard({ open: viewer.open, pick, retry, drop: (item) => uploads.drop(item) }), () => {
  if (pictures.isRead && !pictures.isWhole) pictures.more().catch(() => {});
});

// --- looking

let timer = 0;
let looking = null;
let lookedAt = -SPARE;
function look() {
  clearTimeout(timer);
  looking ??= lookOnce().finally(() => {
    looking = null;
    lookedAt = performance.now();
    const { waiting, cutting } = pictures.counts ?? {};
    if (!document.hidden) timer = setTimeout(look, uploads.isBusy || cutting || waiting ? BUSY : IDLE);
  });
}

async function lookOnce() {
  try {
    choices ??= await begin();
    const before = shownUploads().length;
    await pictures.refresh(grid.first - before, grid.last - before);
    if (performance.now() - statusAt > STANDING) stand(await call("api/v1/status"));
    if (away) uploads.refused.filter(({ mayPass }) => mayPass).forEach((upload) => uploads.again(upload));
    if (decisions.countUnsent()) await decisions.resend();
    away = "";
  } catch (fault) {
    away = `${fault.message} ${fault.advice ?? ""}`;
  }
  showBanner();
}

let soon = 0;
/** Look now, or as soon as the last look is long enough ago. */
function lookSoon() {
  soon ||= setTimeout(async () => {
    soon = 0;
    await looking; // which may have read what was before
    look();
  }, Math.max(0, lookedAt + SPARE - performance.now()));
}

async function begin() {
  const [got, standing] = await Promise.all([call("api/v1/choices"), call("api/v1/status")]);
  stand(standing);
  drop.setChoices(got);
  viewer.prepare(pictures, got);
  listen();
  return got;
}

function stand(said) {
  status = said;
  statusAt = performance.now();
  showStanding();
}

/** Events only say "look again"; where a proxy holds them back, the looks go on. */
function listen() {
  events?.close();
  if (document.hidden) return;
  events = new EventSource("api/v1/events");
  events.addEventListener("changed", lookSoon);
  events.addEventListener("standing", ({ data }) => stand(JSON.parse(data)));
}

addEventListener("visibilitychange", () => {
  if (choices) listen();
  if (!document.hidden) look();
});

// --- showing

const query = () => $("search").value.trim();

const shownUploads = () => (view === "queue" && !state && !query() ? uploads.beside(pictures) : []);

let frame = 0;
function show() {
  frame ||= requestAnimationFrame(showNow);
}

function showNow() {
  frame = 0;
  const sending = shownUploads();
  const there = pictures.list.filter((card) => !decisions.isDecided(card));
  for (const card of there) card.picked = picked.has((card.key = keyOf(card)));
  grid.set([...sending, ...there]);
  const isNone = pictures.isRead && !sending.length && !there.length;
  const isFiltered = Boolean(state || inbox || batch || query() || view !== "queue");
  $("empty").hidden = !isNone || isFiltered;
  $("none").hidden = !isNone || !isFiltered;
  $("dropbar").hidden = view !== "queue";
  $("tools").hidden = !pictures.counts || !$("empty").hidden;
  setText($("none"), NONE[view] ?? "No picture fits the search and the filters.");
  showSummary();
  showTools(there);
  viewer.reread();
}

let heard = 0;
function showSummary() {
  const { counts, timeLeft, readFrom } = pictures;
  if (!counts) return;
  const toGo = counts.waiting + counts.cutting + uploads.uncounted(readFrom);
  const told = [[counts.done, "done"], [counts.review, "to review"], [counts.failed, "failed"], [counts.held, "held"], [uploads.refused.length, "not sent"], [toGo, "to go"]];
  const words = told.filter(([count], at) => count || !at).map(([count, name]) => `${count.toLocaleString("en")} ${name}`);
  if (toGo && timeLeft) words.push(`about ${timeLeft}`);
  setText($("summary"), words.join(" · "));
  if (performance.now() - heard < 8000) return;
  heard = performance.now();
  setText($("aloud"), $("summary").textContent);
}

let shownTools = "";
function showTools([first]) {
  const count = picked.size;
  const hasDone = pictures.counts?.done > 0;
  const now = [view, state, inbox, batch, lastBatch, count, hasDone, Boolean(first)].join();
  if (now === shownTools || !choices) return;
  shownTools = now;
  const names = choices.inboxes.map(({ name }) => name);
  const narrow = () => refresh((batch = batch ? "" : lastBatch));
  fill($("filters"),
    view === "queue" && choice("State", STATES, state, (value) => refresh((state = value))),
    names[1] && choice("Inbox", [["", "every inbox"], ...names], inbox, (value) => refresh((inbox = value))),
    view === "queue" && lastBatch && button("", "This drop only", narrow, { ariaPressed: Boolean(batch) }));
  fill($("picked"),
    first && view === "review" && button("eye", "Review one by one", review, { className: "strong" }),
    first && button("check", count ? `Clear ${count}` : "Select all", selectAll),
    hasDone && view !== "failed" && button("zip", count ? "Zip" : "Zip all", zip),
    first && (count || view === "failed") && button("again", count ? "Retry" : "Retry all", retryAll));
}

function showStanding() {
  const { counts, healthy, banner } = status;
  setText($("n-review"), counts.review || "");
  setText($("n-failed"), counts.failed + counts.held || "");
  const words = healthy ? "healthy" : `not healthy: ${banner}`;
  Object.assign($("health"), { className: healthy ? "good" : "", title: words });
  fill($("health"), icon(healthy ? "ok" : "warn"), h("span", { className: "unseen" }, words));
  showBanner();
}

function showBanner() {
  const unsent = decisions.countUnsent();
  const kept = unsent ? `${many(unsent, "decision waits", "decisions wait")} to be sent.` : "";
  const words = away ? `${away} It is asked again every few seconds. ${kept}` : (status?.banner ?? "");
  setText($("banner"), words);
  $("banner").hidden = !words;
}

// --- doing

const review = () => viewer.open(pictures.list.find((card) => !decisions.isDecided(card)));

function pick(card, isPicked) {
  if (isPicked) picked.add(card.key);
  else picked.delete(card.key);
  show();
}

async function selectAll() {
  if (picked.size) picked.clear();
  else for (const card of await pictures.all()) picked.add(keyOf(card));
  show();
}

const chosen = async (states) => (await pictures.all()).filter((card) => (!picked.size || picked.has(keyOf(card))) && states.includes(card.state));

async function zip() {
  try {
    const count = await downloadZip(await chosen(["done"]));
    say(`${many(count, "picture")} in one zip.`);
  } catch (fault) {
    sayFault(fault);
  }
}

async function retry(item) {
  if (item.upload) return uploads.again(item);
  await act(item, "retry").then(({ said }) => say(said.join(" ")), sayFault);
  look();
}

async function retryAll() {
  let faults = 0;
  const cards = await chosen(NOT_DONE);
  for (const card of cards) await act(card, "retry").catch(() => faults++);
  const more = faults ? ` ${faults} cannot be: open one to see why.` : "";
  say(`${many(cards.length - faults, "picture is", "pictures are")} tried again.${more}`, { isTrouble: faults > 0 });
  picked.clear();
  look();
}

function refresh() {
  picked.clear();
  const states = { review: "review", failed: NOT_DONE.join() }[view] ?? state;
  const filter = Object.entries({ inbox, batch: view === "queue" && batch, q: query() }).concat(states.split(",").map((each) => ["state", each]));
  pictures.show(filter.filter(([, value]) => value).map(([name, value]) => `&${name}=${encodeURIComponent(value)}`).join(""));
  show();
}

function route() {
  const asked = location.hash.slice(1);
  // A key has done its work by now, and leaves the address.
  if (asked.startsWith("key=")) history.replaceState(null, "", location.pathname);
  const link = document.querySelector(`nav a[href="#${CSS.escape(asked)}"]`) ?? document.querySelector("nav a");
  for (const other of document.querySelectorAll("nav a")) other.ariaCurrent = other === link ? "page" : null;
  view = link.hash.slice(1);
  setText($("title"), link.firstChild.textContent.trim());
  $("of-queue").hidden = view === "settings";
  $("of-settings").hidden = view !== "settings";
  if (view === "settings") showSettings();
  else refresh();
  scrollTo(0, 0);
}

addEventListener("hashchange", route);
addEventListener("look-again", look);
addEventListener("decided", show);
// The server asks for the key itself; a page that has just come must not be loaded for ever.
addEventListener("key-wanted", () => performance.now() > 5000 && location.reload());
addEventListener("beforeunload", (event) => (uploads.isBusy || decisions.countUnsent()) && event.preventDefault());
pictures.addEventListener("change", show);
uploads.addEventListener("change", () => {
  show();
  lookSoon();
});
addEventListener("dropped", ({ detail }) => {
  lastBatch = detail;
  if (view !== "queue") location.hash = "queue";
  scrollTo(0, 0);
});
addEventListener("viewed", ({ detail }) => {
  const at = pictures.at.get(detail);
  if (at >= 0) grid.focus(at + shownUploads().length);
});
let typing = 0;
$("search").oninput = () => {
  clearTimeout(typing);
  typing = setTimeout(refresh, 250);
};
const demo = document.querySelector(".demo");
demo.querySelector("input").oninput = ({ target }) => tellCut(demo, target);
drop.listen();
route();
look();
