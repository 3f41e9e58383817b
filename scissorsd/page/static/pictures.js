// What the server last said of the pictures: the first of them, as many as are looked at.

import { call, keyOf } from "./api.js";
import { tell } from "./dom.js";

const LIMIT = 100; // of one answer

export let list = [];
export let at = new Map(); // key → index
export let said = {}; // with them: the counts
export let isRead = false;
export let isWhole = false;
export let readFrom = 0; // when the latest reading was begun
let filter = null; // the address's query

export const get = (key) => list[at.get(key)];

export function show(others) {
	if (others === filter) return;
	[filter, isRead] = [others, false];
	set([]);
	read(1).catch(() => {});
}

export async function read(count) {
	const [asked, begun] = [filter, performance.now()];
	const { cards, first, next } = await ask(count);
	if (asked !== filter || begun < readFrom) return;
	[said, isRead, isWhole, readFrom] = [first, true, !next, begun];
	set(cards);
}

export const all = async () => (await ask(Infinity)).cards;

async function ask(count) {
	const asked = filter;
	const cards = [];
	let [first, next] = [null, ""];
	do {
		const got = await call(`api/v1/pictures?limit=${LIMIT}${asked}&before=${encodeURIComponent(next)}`);
		first ??= got;
		next = got.next;
		cards.push(...got.pictures);
	} while (next && cards.length < count);
	return { cards, first, next };
}

function set(cards) {
	list = [...new Map(cards.map((card) => [(card.key = keyOf(card)), card])).values()];
	at = new Map(list.map(({ key }, index) => [key, index]));
	tell("show");
}
