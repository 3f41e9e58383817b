// Elements and words. What comes from outside is set as text, never as markup.

export const $ = (id) => document.getElementById(id);

export const tell = (name, detail) => dispatchEvent(new CustomEvent(name, { detail }));

export const fill = (element, ...children) => element.replaceChildren(...children.filter(Boolean));

// A tag may have classes behind it, each after a dot.
export function h(tag, properties, ...children) {
	const [name, ...classes] = tag.split(".");
	const made = Object.assign(document.createElement(name), { className: classes.join(" ") }, properties);
	fill(made, ...children);
	return made;
}

export function setText(element, text) {
	if (element.textContent !== text) element.textContent = text;
}

export function icon(name) {
	const drawn = $("icon").content.firstChild.cloneNode(true);
	drawn.firstChild.setAttribute("href", `#i-${name}`);
	return drawn;
}

for (const one of document.querySelectorAll("[data-icon]")) one.prepend(icon(one.dataset.icon));

// One without words has a `title`.
export const button = (picture, label, onclick, more) => h("button", { type: "button", onclick, ...more }, picture && icon(picture), label);

// A select, its options being [value, words] or values; without options, a line of text.
export function field({ label, options, value = "", ...more }, changed) {
	const onchange = changed && (() => changed(made.value));
	const made = h(options ? "select" : "input", { ariaLabel: label, onchange, ...more });
	for (const [each, words = each] of options?.map((option) => [option].flat()) ?? []) made.add(new Option(words, each));
	made.value = value;
	return made;
}

export const many = (count, one, more = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : more}`;

export const NOTED_FOR = 7000; // ms
let quiet = 0;
// A trouble stays until it is closed.
export function say(text, isTrouble, act) {
	const note = $("note");
	clearTimeout(quiet);
	(document.querySelector("dialog[open]") ?? document.body).append(note); // behind a dialog nothing can be pressed
	note.className = isTrouble ? "trouble" : "";
	fill(note, h("p", {}, text), act, button("", "×", () => fill(note), { ariaLabel: "Close" }));
	if (!isTrouble) quiet = setTimeout(() => fill(note), NOTED_FOR);
}

export const sayFault = ({ message }) => say(message, true);

// A picture that does not come is asked for once more, and anew once the server is heard again.
const asked = new Set(); // addresses
const ask = (image) => image.src && !image.naturalWidth && (image.src = image.src);
document.addEventListener("error", ({ target: image }) => {
	if (!asked.has(image.src)) setTimeout(ask, 4000, image);
	asked.add(image.src);
}, true);
addEventListener("heard-again", () => {
	asked.clear();
	[...document.images].forEach(ask);
});
