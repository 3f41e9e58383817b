// Drops, pastes and choices of files and folders, and where they go to.

import { $, choice, fill, h, icon, many, say, setText } from "./dom.js";
import { uploads } from "./uploads.js";

const LITTER = /^(\.|~\$|thumbs\.db$|desktop\.ini$)/i;

let choices = null;
let targets = []; // {value, inbox, folder, title, words, closed}
let chosen = "";

const target = () => targets.find(({ value }) => value === chosen) ?? targets.find(({ closed }) => !closed);

export function setChoices(got) {
  choices = got;
  uploads.limit = got.limits.file;
  $("files").accept = ["image/*", ...got.accept].join();
  showTarget();
}

function showTarget() {
  const { quick, models, edges } = choices;
  const folder = quick && `${quick.model}-${quick.edges}`;
  const desk = quick && { value: "quick", inbox: "quick", folder, title: "Quick desk", words: quick.words[folder], isQuick: true };
  targets = [desk, ...choices.targets].filter(Boolean);
  const at = target();
  if (!at) return setText($("into"), "No inbox takes drops: see drop_into in the configuration.");
  const pick = choice("Where drops go", targets.map(({ value, title }) => [value, title]), at.value, (value) => {
    chosen = value;
    showTarget();
  });
  targets.forEach(({ closed }, index) => (pick.options[index].disabled = closed));
  const redesk = (name) => (value) => {
    quick[name] = value;
    showTarget();
  };
  const here = models.filter((model) => model.here).map(({ name }) => name);
  const focused = document.activeElement.ariaLabel;
  fill($("into"), h("span", {}, "into"), pick,
    at.isQuick && choice("Model", here, quick.model, redesk("model")),
    at.isQuick && choice("Edges", edges.map((name) => [name, `${name} edges`]), quick.edges, redesk("edges")),
    h("p", { className: "words" }, at.words));
  [...$("into").children].find(({ ariaLabel }) => ariaLabel && ariaLabel === focused)?.focus();
  setText($("makes"), `${at.title}: ${at.words}`);
}

async function take(gathered, at = target()) {
  if (!at || at.closed) return say(`Nothing was sent. ${at?.words ?? "No inbox takes drops here."}`, { isTrouble: true });
  const [files, others] = [[], []];
  try {
    for await (const file of gathered) {
      const isPicture = choices.accept.some((suffix) => file.name.toLowerCase().endsWith(suffix));
      if (!LITTER.test(file.name) && !/(^|\/)\./.test(file.folder)) (isPicture ? files : others).push(file);
    }
  } catch (fault) {
    say(`A folder could not be read to its end: ${fault.message}`, { isTrouble: true });
  }
  // What comes in one gesture has a name in common; crypto.randomUUID is not there on plain http.
  const batch = at.isQuick ? `${Date.now().toString(36)}-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}` : "";
  const { compare } = new Intl.Collator("en", { numeric: true });
  files.sort((one, other) => compare(`${one.folder}/${one.name}`, `${other.folder}/${other.name}`));
  uploads.add(files, at, batch);
  if (files.length) dispatchEvent(new CustomEvent("dropped", { detail: batch }));
  const named = others.slice(0, 3).map(({ name }) => name).join(", ");
  if (others.length) say(`${many(others.length, "file was", "files were")} left out, not being pictures: ${named}${others[3] ? " …" : ""}`, { isTrouble: true });
  else if (!files.length) say("There was no picture in it.", { isTrouble: true });
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

// --- the veil

let leave = 0;

function showVeil(count) {
  setText($("veil-count"), many(count, "file or folder", "files or folders"));
  const now = target();
  fill($("tiles"), ...targets.filter(({ closed }) => !closed).map((each) =>
    h("div", { className: each === now ? "tile now" : "tile", "data-value": each.value }, icon("down"), h("strong", {}, each.title), h("p", {}, each.words))));
  $("veil").hidden = false;
}

const isOfFiles = (event) => choices && event.dataTransfer.types.includes("Files");

export function listen() {
  window.ondragenter = window.ondragover = (event) => {
    if (!isOfFiles(event)) return;
    event.preventDefault();
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
    event.preventDefault();
    $("veil").hidden = true;
    // What was dropped must be asked for before the first await: afterwards it is gone.
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
    const files = entries.length ? filesIn(entries) : listed(event.dataTransfer.files);
    take(files, targets.find(({ value }) => value === event.target.dataset?.value));
  };
  addEventListener("paste", ({ clipboardData: { files } }) => {
    // Browsers call every pasted picture image.png.
    const stamp = new Date().toISOString().slice(0, 19).replace(/\D/g, "");
    if (files.length && choices) take(listed(files).map((file) => ({ ...file, name: file.name.replace(/^image\./, `pasted-${stamp}.`) })));
  });
  for (const name of ["files", "folders"]) {
    $(`add-${name}`).onclick = () => $(name).click();
    $(name).onchange = () => {
      take(listed($(name).files));
      $(name).value = "";
    };
  }
}
