// What is on its way to the server: three at a time, each with its progress.

import { keyOf, parts, refusal } from "./api.js";

const AT_ONCE = 3;
const SHOWN_FOR = 10_000; // ms that a sent one is shown, unless the server's list has it before
export const FINAL = [400, 404, 409, 413]; // to try again would change nothing
const FRESH = { look: "queued", words: "queued", part: 0, reason: "" };

class Uploads extends EventTarget {
  all = new Map(); // key → upload, in the order they were dropped
  limit = Infinity; // bytes of a file
  isThere = () => false; // whether the server's list has a key
  #queue = [];
  #flying = 0;
  #rests = false;
  #number = 0;

  /** Take files: each has `name`, `folder` (of the drop's own tree) and `read`, a way to its bytes. */
  add(files, { inbox, folder }, batch) {
    for (const { name, folder: own, read } of files) {
      const address = `api/v1/drops/${parts([inbox, folder, own, name].filter(Boolean).join("/"))}${batch && `?batch=${batch}`}`;
      const upload = { key: `upload/${++this.#number}`, upload: true, name, read, address };
      const goal = [inbox, folder, batch, own, name].filter(Boolean).join("/").normalize();
      if (!this.isThere(goal)) upload.goal = goal; // its key, unless the server calls it otherwise
      this.all.set(upload.key, upload);
      this.again(upload);
    }
  }

  again(upload) {
    Object.assign(upload, FRESH);
    this.#queue.push(upload);
    this.#pump();
  }

  drop(upload) {
    upload.request?.abort();
    this.#queue = this.#queue.filter((other) => other !== upload);
    this.all.delete(upload.key);
    this.#changed();
  }

  /** Those that are shown beside the server's list; what it has by now is let go of. */
  beside(pictures) {
    for (const { key, card, sentAt } of this.#in("sent")) {
      const isOld = performance.now() - sentAt > SHOWN_FOR && pictures.readFrom > sentAt;
      if (isOld || pictures.at.has(keyOf(card))) this.all.delete(key);
    }
    return [...this.all.values()];
  }

  /** How many the server's counts, read from `readFrom` on with its list, do not hold yet. */
  uncounted(readFrom) {
    const isNew = ({ card, goal }) => !this.isThere(card ? keyOf(card) : goal);
    const isLate = ({ sentAt = Infinity }) => sentAt > readFrom;
    return this.#in("queued").length + this.#in("sending", "sent").filter(isLate).filter(isNew).length;
  }

  get refused() {
    return this.#in("refused");
  }

  get isBusy() {
    return this.#queue.length + this.#flying > 0;
  }

  #in(...looks) {
    return [...this.all.values()].filter(({ look }) => looks.includes(look));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  #pump() {
    while (!this.#rests && this.#flying < AT_ONCE && this.#queue.length) this.#send(this.#queue.shift());
    this.#changed();
  }

  async #send(upload) {
    this.#flying++;
    Object.assign(upload, { look: "sending", words: "sending" });
    try {
      upload.file ??= await upload.read();
      if (upload.file.size > this.limit) throw Object.assign(new Error(`It is larger than ${Number((this.limit / 2 ** 20).toFixed(1))} MiB, the most the page takes.`), { status: 413 });
      upload.card = await this.#put(upload);
      Object.assign(upload, { look: "sent", words: "waiting", sentAt: performance.now(), file: null });
    } catch (fault) {
      this.#refuse(upload, fault);
    }
    this.#flying--;
    this.#pump();
  }

  #refuse(upload, { status, wait, message, advice = "" }) {
    if (status === 429) {
      // Too many wait on the server: ours wait here.
      Object.assign(upload, FRESH);
      this.#queue.unshift(upload);
      this.#rests = true;
      setTimeout(() => {
        this.#rests = false;
        this.#pump();
      }, 1000 * Math.min(30, wait || 5));
    } else Object.assign(upload, { look: "refused", words: "not sent", reason: `${message} ${advice}`, mayPass: !FINAL.includes(status) });
  }

  #put(upload) {
    return new Promise((done, refuse) => {
      const request = (upload.request = new XMLHttpRequest());
      request.open("PUT", upload.address);
      request.upload.onprogress = ({ loaded, total }) => {
        upload.part = loaded / total || 0;
        upload.words = `sending ${Math.floor(upload.part * 100)} %`;
        this.#changed();
      };
      request.onloadend = () => {
        const { status, responseText } = request;
        if (status === 201) done(JSON.parse(responseText));
        else if (status) refuse(refusal(status, responseText, request.getResponseHeader("Retry-After")));
        else refuse(new Error("The connection broke off; nothing of it was kept."));
      };
      request.send(upload.file);
    });
  }
}

export const uploads = new Uploads();
