// The server's addresses: all relative, so that the page may lie under any path.

import { h, tell } from "./dom.js";

export const parts = (path) => path.split("/").map(encodeURIComponent).join("/");

export const keyOf = (card) => `${card.inbox}/${card.path}`;

export const addressOf = (card) => `api/v1/pictures/${card.address}`;

export const best = (card) => card.outputs[card.best];

// A picture's own bytes, or with a width its preview; `v` lets a redo show at once.
export const fileOf = (card, what, width) => `${addressOf(card)}/${what}?v=${card.version}${width ? `&width=${width}` : ""}`;

// What is no JSON (a proxy's page) is told by its status.
export function refusal(status, text, wait) {
	const unsaid = { what: status ? `The server answered ${status}.` : "The page’s server does not answer.", advice: "" };
	const { what, advice } = text?.startsWith('{"error":{') ? JSON.parse(text).error : unsaid;
	if (status === 401) tell("key-wanted");
	const sentence = what.replace(/^[a-z](?!\S*[./])/, (first) => first.toUpperCase()); // a file's name stays as it is
	return Object.assign(new Error(`${sentence} ${advice}`), { status, wait });
}

let isSilent = false;
// An object that is given is posted as JSON.
export async function call(address, given, more) {
	const posted = given && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(given) };
	const answer = await fetch(address, { cache: "no-cache", ...posted, ...more }).catch(() => null);
	const text = await answer?.text().catch(() => "");
	if (answer && isSilent) tell("heard-again");
	isSilent = !answer;
	if (!answer?.ok) throw refusal(answer?.status, text);
	return JSON.parse(text || "{}");
}

export const act = (card, verb, given = {}, more) => call(`${addressOf(card)}/${verb}`, given, more);

export async function downloadZip(cards) {
	const pictures = cards.map(({ inbox, path }) => ({ inbox, path }));
	const { id, count } = await call("api/v1/zips", { pictures, outputs: "all" });
	h("a", { href: `api/v1/zips/${id}`, download: "" }).click();
	return count;
}

// What may be dropped where, and how it may be cut; read once.
export let choices = null;
export const readChoices = async () => (choices = await call("api/v1/choices"));
