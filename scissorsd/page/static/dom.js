// Elements and words. What comes from outside is set as text, never as markup.

export const $ = (id) => document.getElementById(id);

/** Make an element: what it has as a property is set so, all else is an attribute. */
export function h(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter(Boolean));
  return made;
}

export const fill = (element, ...children) => element.replaceChildren(...children.filter(Boolean));

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function icon(name) {
  const [svg, use] = ["svg", "use"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  for (const [key, value] of Object.entries({ class: "icon", viewBox: "0 0 24 24", "aria-hidden": true })) svg.setAttribute(key, value);
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

for (const drawn of document.querySelectorAll("[data-icon]")) drawn.prepend(icon(drawn.dataset.icon));

/** A button of a picture and words; one without words has a `title`. */
export const button = (picture, label, onclick, more) => h("button", { type: "button", onclick, ...more }, picture && icon(picture), label);

/** A select of values, or of [value, words]. */
export function choice(label, options, value, onchange = () => {}) {
  const made = h("select", { ariaLabel: label, onchange: () => onchange(made.value) });
  for (const [each, words = each] of options.map((option) => [option].flat())) made.append(h("option", { value: each }, words));
  made.value = value;
  return made;
}

export const NOTED_FOR = 7000; // ms
let quiet = 0;
/** Say something at the foot of the page; a trouble stays until it is closed. */
export function say(text, { isTrouble, act } = {}) {
  const note = $("note");
  clearTimeout(quiet);
  (document.querySelector("dialog[open]") ?? document.body).append(note); // behind a dialog nothing can be pressed
  note.className = isTrouble ? "trouble" : "";
  fill(note, h("p", {}, text), act, button("x", "", () => fill(note), { title: "Close" }));
  if (!isTrouble) quiet = setTimeout(() => fill(note), NOTED_FOR);
}

export const sayFault = ({ message, advice = "" }) => say(`${message} ${advice}`, { isTrouble: true });

export const many = (count, one, more = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : more}`;

// A picture that does not come is asked for twice more, whoever shows it, and again once the server is heard again.
const tries = new Map(); // by address

export function setSource(image, address) {
  if (address && (tries.get(address) ?? 0) < 3) image.src = address;
  else image.removeAttribute("src");
}

document.addEventListener("error", ({ target: image }) => {
  if (image.tagName !== "IMG" || image.src.startsWith("blob:")) return;
  const address = image.getAttribute("src");
  const count = (tries.get(address) ?? 0) + 1;
  tries.set(address, count);
  image.hidden = true;
  setTimeout(() => image.getAttribute("src") === address && setSource(image, address), 2000 * 2 ** count);
}, true);
document.addEventListener("load", ({ target }) => (target.hidden = false), true);
addEventListener("heard-again", () => {
  tries.clear();
  for (const image of document.images) if (image.src && !image.naturalWidth) setSource(image, image.getAttribute("src"));
});
