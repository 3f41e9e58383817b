// What is set up, in the server's words.

import { call } from "./api.js";
import { $, fill, h, sayFault } from "./dom.js";

export async function showSettings() {
  const { sections } = await call("api/v1/settings").catch((fault) => {
    sayFault(fault);
    return { sections: [] };
  });
  const here = new URL(".", location).href;
  fill($("of-settings"), ...sections.map(({ title, lines }) => h("section", {}, h("h2", {}, title),
    ...lines.map(({ text, code }) => (code ? h("pre", {}, code.replace("{here}", here)) : h("p", {}, text))))));
}
