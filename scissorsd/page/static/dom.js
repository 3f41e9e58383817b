// Elements and words. What comes from outside is set as text, never as markup.

export const $ = (id) => document.getElementById(id);

/** Make an element: what it has as a property is set so, all else is an attribute. */
export function h(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && name !== "list") made[name] = value;
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
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A button of a picture and words; where `bare`, of the picture alone. */
export function button(picture, label, onclick, { bare, ...more } = {}) {
  const named = bare ? { ariaLabel: label, title: label } : {};
  return h("button", { type: "button", onclick, ...named, ...more }, picture && icon(picture), !bare && h("span", {}, label));
}

/** A select of values, or of [value, words]. */
export function choice(label, options, value, onchange = () => {}) {
  const made = h("select", { ariaLabel: label, onchange: () => onchange(made.value) });
  for (const [each, words = each] of options.map((option) => [option].flat())) made.append(h("option", { value: each }, words));
  made.value = value;
  return made;
}

let quiet = 0;
/** Say something at the foot of the page; a trouble stays until it is closed. */
export function say(text, isTrouble = false) {
  const note = $("note");
  clearTimeout(quiet);
  note.className = isTrouble ? "trouble" : "";
  fill(note, h("p", {}, text), button("x", "Close", () => fill(note), { bare: true }));
  if (!isTrouble) quiet = setTimeout(() => fill(note), 7000);
}

export const sayFault = (fault) => say(`${fault.message} ${fault.advice ?? ""}`, true);

export const many = (count, one, more = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : more}`;

export const ordinal = (n) => n + ((n % 100 > 10 && n % 100 < 14 ? "" : ["", "st", "nd", "rd"][n % 10]) || "th");

export function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

// A picture that does not come is asked for again a few times, and once the server is heard again.
const tries = new WeakMap();
document.addEventListener("error", ({ target: image }) => {
  if (image.tagName !== "IMG") return;
  const { src } = image;
  const last = tries.get(image);
  const count = last?.src === src ? last.count + 1 : 1;
  tries.set(image, { src, count });
  if (count < 4) setTimeout(() => image.src === src && (image.src = src), 1000 * 2 ** count);
}, true);
addEventListener("heard-again", () => {
  for (const image of document.images) if (image.src && image.complete && !image.naturalWidth) image.src = image.src;
});
