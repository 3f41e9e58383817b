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
    root.addEventListener("keydown", (event) => this.#move(event));
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
    const count = this.#items.length;
    const wide = root.clientWidth;
    if (!wide) return;
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const isNarrow = wide < 30 * rem;
    root.classList.toggle("narrow", isNarrow);
    this.columns = isNarrow ? 1 : Math.floor((wide + rem) / (14 * rem));
    const width = (wide + rem) / this.columns - rem;
    const height = isNarrow ? 7 * rem : width * 0.75 + 4.25 * rem;
    this.step = height + (isNarrow ? rem / 2 : rem);
    root.style.height = `${Math.ceil(count / this.columns) * this.step}px`;
    const above = -root.getBoundingClientRect().top / this.step;
    this.first = Math.max(0, Math.floor(above) - AROUND) * this.columns;
    this.last = Math.min(count, Math.ceil(above + innerHeight / this.step + AROUND) * this.columns);
    const shown = this.#items.slice(this.first, Math.max(this.first, this.last));
    this.#letGo(new Set(shown.map(({ key }) => key)));
    let next = root.firstElementChild;
    shown.forEach((item, offset) => {
      const index = this.first + offset;
      const node = this.#nodes.get(item.key) ?? this.make();
      this.#nodes.set(item.key, node);
      node.show(item);
      Object.assign(node, { index, ariaSetSize: count, ariaPosInSet: index + 1 });
      const at = `translate(${(index % this.columns) * (width + rem)}px, ${Math.floor(index / this.columns) * this.step}px)`;
      Object.assign(node.style, { transform: at, width: `${width}px`, height: `${height}px` });
      if (node === next) next = next.nextElementSibling;
      else root.insertBefore(node, next);
    });
    if (this.last > count - 4 * this.columns) this.reached();
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
    const { index } = event.target.closest(".card");
    const { columns } = this;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -Infinity, End: Infinity }[event.key];
    if (!by) return;
    event.preventDefault();
    this.focus(Math.min(this.#items.length - 1, Math.max(0, index + by)));
  }

  focus(index) {
    const top = this.root.getBoundingClientRect().top + Math.floor(index / this.columns) * this.step;
    const [highest, lowest] = [100, innerHeight - this.step];
    scrollBy(0, top < highest ? top - highest : Math.max(0, top - lowest));
    this.#draw();
    this.#nodes.get(this.#items[index]?.key)?.querySelector(".open").focus({ preventScroll: true });
  }
}
