// What is on its way to the server: three at a time, each with its progress.

import { choices, keyOf, parts, refusal } from "./api.js";
import { tell } from "./dom.js";
import * as pictures from "./pictures.js";

const AT_ONCE = 3;
const SHOWN_FOR = 10_000; // ms that a sent one is shown, unless it is listed before
export const FINAL = [400, 404, 409, 413]; // to try again would change nothing
const FRESH = { look: "queued", words: "queued", icon: "up", reason: "" };

const all = new Map(); // key → upload, in the order they were dropped
let queue = [];
let flying = 0;
let rests = false;
let number = 0;

const of = (...looks) => [...all.values()].filter(({ look }) => looks.includes(look));

export const refused = () => of("refused");

export const isBusy = () => queue.length + flying > 0;

// Each file has `name`, `folder` (of the drop's own tree) and `read`, a way to its bytes.
export function add(files, { inbox, folder }, batch) {
	for (const { name, folder: own, read } of files) {
		const path = (...places) => places.filter(Boolean).join("/");
		const address = `api/v1/drops/${parts(path(inbox, folder, own, name))}${batch && `?batch=${batch}`}`;
		const goal = path(inbox, folder, batch, own, name).normalize(); // its key, unless the server calls it otherwise
		const upload = { key: `upload/${++number}`, upload: true, name, read, address, goal: !pictures.get(goal) && goal };
		all.set(upload.key, upload);
		again(upload);
	}
}

export function again(upload) {
	queue.push(Object.assign(upload, FRESH));
	pump();
}

export function drop(upload) {
	upload.request?.abort();
	queue = queue.filter((other) => other !== upload);
	all.delete(upload.key);
	tell("uploads");
}

export function beside() {
	for (const { key, card, sentAt } of of("sent")) {
		const isOld = performance.now() - sentAt > SHOWN_FOR && pictures.readFrom > sentAt;
		if (isOld || pictures.get(keyOf(card))) all.delete(key);
	}
	return [...all.values()];
}

// How many the server's counts do not hold yet.
export function countUncounted() {
	const isNew = ({ card, goal, sentAt = Infinity }) => sentAt > pictures.readFrom && !pictures.get(card ? keyOf(card) : goal);
	return of("queued").length + of("sending", "sent").filter(isNew).length;
}

function pump() {
	while (!rests && flying < AT_ONCE && queue.length) send(queue.shift());
	tell("uploads");
}

async function send(upload) {
	flying++;
	Object.assign(upload, { look: "sending", words: "sending" });
	try {
		upload.file ??= await upload.read();
		if (upload.file.size > choices.limits.file) throw Object.assign(new Error(choices.too_large), { status: 413 });
		upload.card = await put(upload);
		Object.assign(upload, { look: "sent", words: "waiting", icon: "clock", sentAt: performance.now(), file: null });
	} catch (fault) {
		if (fault.status === 429) rest(upload, fault.wait);
		else Object.assign(upload, { look: "refused", words: "not sent", icon: "bad", reason: fault.message, mayPass: !FINAL.includes(fault.status) });
	}
	flying--;
	pump();
}

function rest(upload, wait) {
	queue.unshift(Object.assign(upload, FRESH));
	rests = true;
	setTimeout(() => {
		rests = false;
		pump();
	}, 1000 * Math.min(30, wait || 5));
}

function put(upload) {
	return new Promise((done, refuse) => {
		const request = (upload.request = new XMLHttpRequest());
		request.open("PUT", upload.address);
		request.upload.onprogress = ({ loaded, total }) => {
			upload.words = `sending ${Math.floor((100 * loaded) / total || 0)} %`;
			tell("uploads");
		};
		request.onloadend = () => {
			const { status, responseText } = request;
			if (status === 201) done(JSON.parse(responseText));
			else refuse(status ? refusal(status, responseText, request.getResponseHeader("Retry-After")) : new Error("The connection broke off; nothing of it was kept."));
		};
		request.send(upload.file);
	});
}
