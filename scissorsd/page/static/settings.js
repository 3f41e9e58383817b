// What is set up: the machine, inboxes and their rules, models, and how a program speaks to it.

import { $, fill, h } from "./dom.js";

const section = (title, ...children) => h("section", {}, h("h2", {}, title), ...children);
const list = (items) => h("ul", {}, ...items.map((item) => h("li", {}, ...[item].flat())));

export function showSettings(status, choices) {
  if (!status || !choices) return;
  const providers = status.providers.map(({ model, provider, precision, refused }) => {
    const not = Object.entries(refused).map(([name, why]) => `; not on ${name}: ${why}`);
    return `${model} ${provider ? `on ${provider}, ${precision}` : "cannot run"}${not.join("")}`;
  });
  const models = choices.models.map(({ name, here }) => (here ? name : `${name}: not on this machine`));
  fill($("of-settings"),
    section("This machine", list([`scissorsd ${status.version} ${status.running ? "runs" : "does not run"}`, ...status.troubles, ...providers])),
    section("Inboxes", ...choices.inboxes.map(inboxOf)),
    section("Models", list(models)),
    section("API", h("p", {}, "One line sends a picture; the answer holds its inbox and path:"), h("pre", {}, curl(status, choices)),
      h("p", {}, "Its outputs, once it is done:"), h("pre", {}, here("api/v1/pictures/INBOX/PATH/outputs/0"))));
}

function inboxOf({ name, quick, drops, away, folders }) {
  const rules = folders.map(({ folder, words }) => [h("strong", {}, folder || "at the top"), `: ${words.join(", ")}`]);
  const note = away ? `Not there: ${away}` : !drops && "It takes no drops.";
  return h("div", {}, h("h3", {}, quick ? "Quick desk, the page’s own" : name), note && h("p", {}, note), list(rules));
}

const here = (address) => new URL(address, location.href).href;

function curl(status, { inboxes, quick }) {
  const name = (inboxes.find((inbox) => inbox.quick) ?? inboxes.find(({ drops }) => drops))?.name ?? "INBOX";
  const folder = quick && name === "quick" ? `${quick.model}-${quick.edges}/` : "";
  const key = status.page.auth === "key" ? "-H 'X-Api-Key: KEY' " : "";
  return `curl ${key}-T cat.jpg ${here(`api/v1/drops/${encodeURIComponent(name)}/${folder}`)}`;
}
