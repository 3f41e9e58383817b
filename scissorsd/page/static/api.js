// The server's addresses. All are relative, so that the page may lie under any path.

export const parts = (path) => path.split("/").map(encodeURIComponent).join("/");

export const keyOf = (card) => `${card.inbox}/${card.path}`;

export const addressOf = (card) => `api/v1/pictures/${card.address ?? parts(keyOf(card))}`;

/** A picture's own bytes, or with a width its preview; `v` lets a redo show at once. */
export const fileOf = (card, what, width) => `${addressOf(card)}/${what}?v=${encodeURIComponent(card.version)}${width ? `&width=${width}` : ""}`;

/** What a refusal says of itself; what is no JSON (a proxy's page) is told by its status. */
export function refusal(status, text, wait) {
  let said = {};
  try {
    said = JSON.parse(text).error ?? {};
  } catch {
    if (!status) said.what = "The page’s server does not answer.";
  }
  if (status === 401) dispatchEvent(new Event("key-wanted"));
  const { what = `The server answered ${status}.`, advice = "" } = said;
  const isName = /^\S*[./]/.test(what); // which is spelt as it is
  const sentence = (isName ? what[0] : what[0].toUpperCase()) + what.slice(1) + (/[.!?]$/.test(what) ? "" : ".");
  return Object.assign(new Error(sentence), { status, wait, advice });
}

let isSilent = false;
/** Ask; an object that is given is posted as JSON. */
export async function call(address, given, more) {
  const posted = given && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(given) };
  const answer = await fetch(address, { cache: "no-cache", ...posted, ...more }).catch(() => null);
  const text = await answer?.text().catch(() => "");
  if (answer && isSilent) dispatchEvent(new Event("heard-again"));
  isSilent = !answer;
  if (!answer?.ok) throw refusal(answer?.status ?? 0, text);
  return text ? JSON.parse(text) : {};
}

export const act = (card, verb, given = {}, more) => call(`${addressOf(card)}/${verb}`, given, more);

export async function downloadZip(cards) {
  const pictures = cards.map(({ inbox, path }) => ({ inbox, path }));
  const { id, count } = await call("api/v1/zips", { pictures, outputs: "all" });
  const link = Object.assign(document.createElement("a"), { href: `api/v1/zips/${encodeURIComponent(id)}`, download: "" });
  link.click();
  return count;
}
