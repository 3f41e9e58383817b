// Drops, pastes and choices of files and folders, and where they go to.

import { choices } from "./api.js";
import { $, field, fill, h, icon, many, say, setText, tell } from "./dom.js";
import * as uploads from "./uploads.js";

const NOWHERE = "No inbox takes drops: see drop_into in the configuration.";
const LITTER = /^(\.|~\$|thumbs\.db$|desktop\.ini$)/i;

let where = {}; // a select
const target = () => choices?.targets.find(({ value }) => value === where.value);

export function prepare() {
	const { quick, targets } = choices;
	$("files").accept = ["image/*", ...choices.accept].join();
	const desk = quick?.fields.map((one) => field(one, show)) ?? []; // model and edges
	const { value } = targets.find(({ closed }) => !closed) ?? {};
	where = field({ label: "Where drops go", options: targets.map((one) => [one.value, one.title]), value }, show);
	targets.forEach(({ closed }, index) => (where.options[index].disabled = closed));
	const words = h("p.words");
	fill($("into"), h("span", {}, "into"), where, ...desk, words);
	show();

	function show() {
		const at = target();
		where.hidden = !at;
		for (const one of desk) one.hidden = !at?.quick;
		if (at?.quick) at.words = quick.words[(at.folder = desk.map(({ value }) => value).join("-"))];
		setText(words, at?.words ?? NOWHERE);
	}
}

async function take(gathered, at = target()) {
	if (!at || at.closed) return say(`Nothing was sent. ${at?.words ?? NOWHERE}`, true);
	const [files, others] = [[], []];
	try {
		for await (const file of gathered) {
			const isPicture = choices.accept.some((suffix) => file.name.toLowerCase().endsWith(suffix));
			if (!LITTER.test(file.name) && !/(^|\/)\./.test(file.folder)) (isPicture ? files : others).push(file);
		}
	} catch (fault) {
		say(`A folder could not be read to its end: ${fault.message}`, true);
	}
	// What comes in one gesture has a name in common; crypto.randomUUID is not there on plain http.
	const batch = at.quick ? crypto.getRandomValues(new BigUint64Array(1))[0].toString(36) : "";
	const { compare } = new Intl.Collator("en", { numeric: true });
	files.sort((one, other) => compare(one.folder, other.folder) || compare(one.name, other.name));
	uploads.add(files, at, batch);
	if (files.length) tell("dropped", batch);
	const named = others.slice(0, 3).map(({ name }) => name).join(", ");
	if (others.length) say(`${many(others.length, "file was", "files were")} left out, not being pictures: ${named}${others[3] ? " …" : ""}`, true);
	else if (!files.length) say("There was no picture in it.", true);
}

const listed = (files) => [...files].map((file) => ({
	name: file.name, folder: file.webkitRelativePath.split("/").slice(0, -1).join("/"), read: () => file,
}));

async function* filesIn(entries, folder = "") {
	for (const entry of entries) {
		if (entry.isFile) yield { name: entry.name, folder, read: () => new Promise((done, refuse) => entry.file(done, refuse)) };
		else if (!LITTER.test(entry.name)) {
			const reader = entry.createReader();
			for (let some = [null]; some.length; ) {
				// A hundred at a time, until none comes.
				some = await new Promise((done, refuse) => reader.readEntries(done, refuse));
				yield* filesIn(some, [folder, entry.name].filter(Boolean).join("/"));
			}
		}
	}
}

function showVeil(count) {
	setText($("veil-count"), many(count, "file or folder", "files or folders"));
	fill($("tiles"), ...choices.targets.filter(({ closed }) => !closed).map((goal) =>
		h("div.tile", { goal }, icon("down"), h("strong", {}, goal.title), h("p.words", {}, goal.words))));
	$("veil").hidden = false;
}

const isOfFiles = (event) => {
	const isIt = choices && event.dataTransfer.types.includes("Files");
	if (isIt) event.preventDefault();
	return isIt;
};

let leave = 0;
window.ondragenter = window.ondragover = (event) => {
	if (!isOfFiles(event)) return;
	event.dataTransfer.dropEffect = "copy";
	clearTimeout(leave);
	if ($("veil").hidden) showVeil(event.dataTransfer.items.length);
	for (const tile of $("tiles").children) tile.classList.toggle("over", tile === event.target);
};
window.ondragleave = () => {
	// It comes for every element that is left; the window is left when no dragover follows.
	clearTimeout(leave);
	leave = setTimeout(() => ($("veil").hidden = true), 400);
};
window.ondrop = (event) => {
	if (!isOfFiles(event)) return;
	$("veil").hidden = true;
	// What was dropped must be asked for before the first await: afterwards it is gone.
	const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
	take(entries.length ? filesIn(entries) : listed(event.dataTransfer.files), event.target.goal);
};
addEventListener("paste", ({ clipboardData: { files } }) => {
	// Browsers call every pasted picture image.png.
	const stamp = new Date().toISOString().slice(0, 19).replace(/\D/g, "");
	if (files.length && choices) take(listed(files).map((file) => ({ ...file, name: file.name.replace(/^image\./, `pasted-${stamp}.`) })));
});
$("empty").onclick = ({ target }) => target.type !== "range" && $("files").click();
for (const name of ["files", "folders"]) {
	$(`add-${name}`).onclick = () => $(name).click();
	$(name).onchange = () => {
		take(listed($(name).files));
		$(name).value = "";
	};
}
