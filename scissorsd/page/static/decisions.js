// What a person decides of pictures in review: sent with the next decision or after a moment, and
// again until the server has answered. It names the version that was seen: another is not judged.

import { act } from "./api.js";
import { NOTED_FOR, sayFault, tell } from "./dom.js";
import { FINAL } from "./uploads.js";

const decided = new Set(); // keys of what is out of the list already
let pending = null; // can be taken back
const unsent = [];

export const isDecided = (card) => decided.has(card.key);

export const countUnsent = () => unsent.length;

export function decide(card, verb, given) {
	send();
	pending = { card, verb, given: { ...given, version: card.version }, timer: setTimeout(send, NOTED_FOR) };
	decided.add(card.key);
	tell("show");
}

// Take the last one back; return its picture, if that could be.
export function undo() {
	const back = pending?.card;
	if (!back) return null;
	clearTimeout(pending.timer);
	pending = null;
	decided.delete(back.key);
	tell("show");
	return back;
}

function send(more) {
	if (!pending) return;
	clearTimeout(pending.timer);
	unsent.push(pending);
	pending = null;
	resend(more);
}

export async function resend(more) {
	await Promise.all(unsent.splice(0).map(async (one) => {
		const { key, name } = one.card;
		try {
			await act(one.card, one.verb, one.given, more);
			setTimeout(() => decided.delete(key), 2000); // the list knows of it by then
		} catch (fault) {
			if (!FINAL.includes(fault.status)) return unsent.push(one);
			decided.delete(key);
			sayFault({ message: `${name} was not changed. ${fault.message}` });
		}
		tell("look");
	}));
	tell("show");
}

for (const left of ["visibilitychange", "pagehide"]) addEventListener(left, () => document.hidden && send({ keepalive: true }));
