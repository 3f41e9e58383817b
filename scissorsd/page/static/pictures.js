// What the server last said of the pictures: one list, read in pages, each after a picture.

import { call, keyOf } from "./api.js";

const LIMIT = 200;

export class Pictures extends EventTarget {
  list = [];
  at = new Map(); // key → index
  counts = null;
  timeLeft = "";
  filter = null;
  isRead = false;
  readFrom = 0; // when the latest reading was begun
  #starts = []; // of the pages that are known: {cursor, after: the key before it}
  #next = null;
  #turn = Promise.resolve();
  #age = 0; // grows with each filter; an answer to an older one is dropped

  /** Show others; `filter` is the address's query. */
  show(filter) {
    if (filter === this.filter) return;
    this.filter = filter;
    this.#age++;
    this.#set([]);
    this.#starts = [{ cursor: "" }];
    this.#next = null;
    this.isRead = false;
    this.refresh().catch(() => {});
  }

  get isWhole() {
    return this.isRead && this.#next === null;
  }

  get(key) {
    return this.list[this.at.get(key)];
  }

  /** Read anew the first page, for what has come, and those that are on the screen. */
  refresh(first = 0, last = 0) {
    return this.#inTurn(async (read) => {
      const begun = performance.now();
      const seen = this.#starts.filter((_, page) => !page || (this.#begin(page) <= last && this.#begin(page + 1) > first));
      for (const start of seen) {
        const got = await read(start.cursor);
        const page = this.#starts.indexOf(start);
        if (page >= 0) this.#put(page, got);
        if (page === 0) Object.assign(this, { counts: got.counts, timeLeft: got.time_left, readFrom: begun });
      }
      this.isRead = true;
    });
  }

  /** Read the next page, if there is one. */
  more() {
    return this.#inTurn(async (read) => {
      const cursor = this.#next;
      if (cursor === null) return;
      const got = await read(cursor);
      this.#starts.push({ cursor, after: keyOf(this.list.at(-1)) });
      this.#put(this.#starts.length - 1, got);
    });
  }

  async all() {
    while (!this.isWhole) await this.more();
    return this.list;
  }

  // One reading at a time; what is read for a filter that has changed is dropped.
  #inTurn(work) {
    const age = this.#age;
    const gone = new Error("another filter");
    const read = async (cursor) => {
      const got = await call(`api/v1/pictures?limit=${LIMIT}${this.filter}${cursor && `&before=${encodeURIComponent(cursor)}`}`);
      if (age !== this.#age) throw gone;
      return got;
    };
    this.#turn = this.#turn.catch(() => {}).then(async () => {
      if (age !== this.#age) return;
      await work(read).catch((fault) => {
        if (fault !== gone) throw fault;
      });
      this.dispatchEvent(new Event("change"));
    });
    return this.#turn;
  }

  #begin(page) {
    if (page >= this.#starts.length) return this.list.length;
    return page ? (this.at.get(this.#starts[page].after) ?? -2) + 1 : 0;
  }

  // Lay a page over what was known from its beginning on. What followed its last known picture
  // still follows; what was between and is not there now has gone.
  #put(page, { pictures, next }) {
    const begin = this.#begin(page);
    if (begin < 0) return (this.#starts.length = page);
    const fresh = new Set(pictures.map(keyOf));
    const known = next === null ? undefined : pictures.findLast((card) => this.at.has(keyOf(card)));
    const others = (card) => !fresh.has(keyOf(card));
    const rest = known ? this.list.slice(this.at.get(keyOf(known)) + 1).filter(others) : [];
    this.#set([...this.list.slice(0, begin).filter(others), ...pictures, ...rest]);
    const later = this.#starts.slice(page + 2);
    this.#starts.length = page + 1;
    if (!rest.length) return (this.#next = next);
    this.#starts.push({ cursor: next, after: keyOf(pictures.at(-1)) });
    const end = this.at.get(keyOf(pictures.at(-1)));
    return this.#starts.push(...later.filter(({ after }) => this.at.get(after) > end));
  }

  #set(list) {
    this.list = list;
    this.at = new Map(list.map((card, index) => [keyOf(card), index]));
  }
}
