// A grid of cards of which only those on the screen exist.

const AROUND = 2; // rows above and below the screen

export class Grid {
  #items = [];
  #nodes = new Map(); // key → node
  #asked = 0;
  first = 0;
  last = 0;

  /** `make()` gives a card with `show(item)`; `reached()` is called near the end. */
  constructor(root, make, reached) {
    Object.assign(this, { root, make, reached });
    addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(root.parentElement);
    root.onkeydown = (event) => this.#move(event);
  }

  set(items) {
    this.#items = items;
    this.draw();
  }

  draw() {
    this.#asked ||= requestAnimationFrame(() => {
      this.#asked = 0;
      this.#draw();
    });
  }

  #draw() {
    const { root } = this;
    const { length } = this.#items;
    const wide = root.clientWidth;
    if (!wide) return;
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.columns = Math.floor((wide + rem) / (14 * rem));
    const isNarrow = this.columns < 3; // then a card is a row
    if (isNarrow) this.columns = 1;
    root.classList.toggle("narrow", isNarrow);
    const across = (wide + rem) / this.columns;
    this.step = isNarrow ? 7.5 * rem : across * 0.75 + 4.5 * rem;
    root.style.height = `${Math.ceil(length / this.columns) * this.step}px`;
    const above = -root.getBoundingClientRect().top / this.step;
    this.first = Math.max(0, Math.floor(above) - AROUND) * this.columns;
    this.last = Math.min(length, Math.ceil(above + innerHeight / this.step + AROUND) * this.columns);
    const shown = this.#items.slice(this.first, Math.max(this.first, this.last));
    this.#letGo(new Set(shown.map(({ key }) => key)));
    let next = root.firstElementChild;
    shown.forEach((item, offset) => {
      const index = this.first + offset;
      const node = this.#nodes.get(item.key) ?? this.make();
      this.#nodes.set(item.key, node);
      node.show(item);
      Object.assign(node, { index, ariaSetSize: length, ariaPosInSet: index + 1 });
      const transform = `translate(${(index % this.columns) * across}px, ${Math.floor(index / this.columns) * this.step}px)`;
      Object.assign(node.style, { transform, width: `${across - rem}px`, height: `${this.step - (isNarrow ? 0.5 : 1) * rem}px` });
      if (node === next) next = next.nextElementSibling;
      else root.insertBefore(node, next);
    });
    if (this.last > length - 4 * this.columns) this.reached();
  }

  #letGo(keys) {
    for (const [key, node] of this.#nodes) {
      const isFocused = () => node.contains(document.activeElement) && this.#items.some((item) => item.key === key);
      if (keys.has(key) || isFocused()) continue;
      node.remove();
      this.#nodes.delete(key);
    }
  }

  /** The arrows, Home and End go from card to card. */
  #move(event) {
    const { columns } = this;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -Infinity, End: Infinity }[event.key];
    if (!by) return;
    event.preventDefault();
    this.focus(Math.min(this.#items.length - 1, Math.max(0, event.target.closest(".card").index + by)));
  }

  focus(index) {
    const top = this.root.getBoundingClientRect().top + Math.floor(index / this.columns) * this.step;
    if (top < 100 || top > innerHeight - this.step) scrollBy(0, top - 100);
    this.#draw();
    this.#nodes.get(this.#items[index]?.key)?.querySelector(".open").focus({ preventScroll: true });
  }
}
