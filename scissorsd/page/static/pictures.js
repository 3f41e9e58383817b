// What the server last said of the pictures: one list, read in parts. Each card has a cursor, behind
// which the next part begins.

import { call, keyOf } from "./api.js";

const LIMIT = 200;

export class Pictures extends EventTarget {
  list = [];
  at = new Map(); // key → index
  counts = null;
  timeLeft = "";
  filter = null;
  isRead = false;
  isWhole = false; // to the last
  readFrom = 0; // when the latest reading was begun
  #turn = Promise.resolve();

  /** Show others; `filter` is the address's query. */
  show(filter) {
    if (filter === this.filter) return;
    Object.assign(this, { filter, isRead: false, isWhole: false });
    this.#set([]);
    this.refresh().catch(() => {});
  }

  get(key) {
    return this.list[this.at.get(key)];
  }

  /** Read anew the first part, for what has come, and what is on the screen. */
  refresh(first = 0, last = 0) {
    return this.#inTurn(async (read) => {
      const begun = performance.now();
      const seen = last > LIMIT && this.list[first];
      const { counts, time_left: timeLeft } = await read();
      Object.assign(this, { counts, timeLeft, readFrom: begun, isRead: true });
      if (seen) await read(this.list[this.at.get(keyOf(seen)) - 1]);
    });
  }

  /** Read on, if there is more. */
  more() {
    return this.#inTurn(async (read) => !this.isWhole && read(this.list.at(-1)));
  }

  /** Read all of them anew, so that what changed places between two readings is not left out. */
  async all() {
    const { filter } = this;
    await this.#inTurn(async (read) => {
      for (let got = await read(); got.next; ) got = await read(got.pictures.at(-1));
    });
    if (filter !== this.filter) throw new Error("The filter was changed meanwhile: try again.");
    return this.list;
  }

  // One reading at a time; what is read for a filter that has changed is dropped.
  #inTurn(work) {
    const { filter } = this;
    const gone = new Error("another filter");
    const read = async (after) => {
      const got = await call(`api/v1/pictures?limit=${LIMIT}${filter}${after ? `&before=${encodeURIComponent(after.cursor)}` : ""}`);
      if (filter !== this.filter) throw gone;
      this.#lay(after ? this.at.get(keyOf(after)) + 1 : 0, got);
      return got;
    };
    this.#turn = this.#turn.catch(() => {}).then(async () => {
      if (filter !== this.filter) return;
      await work(read).catch((fault) => {
        if (fault !== gone) throw fault;
      });
      this.dispatchEvent(new Event("change"));
    });
    return this.#turn;
  }

  // Lay a part over what was known from its beginning on. What followed its last picture, if that
  // was known, still follows; what was between and is not there now has gone.
  #lay(begin, { pictures, next }) {
    const fresh = new Set(pictures.map(keyOf));
    const others = (card) => !fresh.has(keyOf(card));
    const last = next ? this.at.get(keyOf(pictures.at(-1))) : -1;
    const rest = last >= 0 ? this.list.slice(last + 1).filter(others) : [];
    this.isWhole = !next || (this.isWhole && rest.length > 0);
    this.#set([...this.list.slice(0, begin).filter(others), ...pictures, ...rest]);
  }

  #set(list) {
    this.list = list;
    this.at = new Map(list.map((card, index) => [keyOf(card), index]));
  }
}
