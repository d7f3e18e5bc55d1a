// The map: a mark for each truck found, a flag with a name on one of them, and a way to come closer.

import { byId } from "./dom.js";
import { status } from "./week.js";

const SVG = "http://www.w3.org/2000/svg";
const CLOSEST = 6;
const STEP = 1.6;

export class CityMap {
  #svg = byId("map");
  #markers = byId("markers");
  #flag = byId("flag");
  #trucks = new Map();
  #lit = null;
  #picked = null;
  #whole = this.#svg.viewBox.baseVal;
  #size = { width: this.#whole.width, height: this.#whole.height };
  #view = { x: 0, y: 0, zoom: 1 };

  /** `heed(id, how)` is told when somebody points at a mark ("lit"), leaves it ("unlit") or picks it ("picked"). */
  constructor(heed) {
    const tell = (how) => (event) => {
      const id = event.target.dataset.id;
      if (id !== undefined) heed(id, how);
    };
    this.#markers.addEventListener("pointerover", tell("lit"));
    this.#markers.addEventListener("pointerout", tell("unlit"));
    this.#markers.addEventListener("click", tell("picked"));
    byId("zoom-in").addEventListener("click", () => this.#zoom(STEP));
    byId("zoom-out").addEventListener("click", () => this.#zoom(1 / STEP));
    byId("zoom-all").addEventListener("click", () => this.#zoom(0));
    this.#svg.addEventListener("dblclick", (event) => this.#zoom(STEP, this.#at(event)));
    this.#svg.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#svg.addEventListener("pointerdown", (event) => this.#drag(event));
    new ResizeObserver(() => this.#look()).observe(this.#svg);
  }

  show(trucks, { now }) {
    this.#trucks = new Map(trucks.map((truck) => [truck.id, { name: truck.name, ...this.#place(truck) }]));
    const dots = trucks.map((truck) => {
      const dot = marker(status(truck.hours, now).open ? "dot open" : "dot", this.#place(truck));
      dot.dataset.id = truck.id;
      return dot;
    });
    this.#markers.replaceChildren(...dots);
    this.#svg.setAttribute("aria-label", `Map of Port Amberlin with ${trucks.length} trucks; the list has the same ones`);
    this.#lit = null;
    this.pick(this.#trucks.has(this.#picked) ? this.#picked : null);
  }

  /** Raise the mark of a truck that is pointed at, or take it back. */
  light(id, lit) {
    this.#lit = lit ? id : null;
    this.#raise();
  }

  /** Keep the flag on a truck, and bring it into view. */
  pick(id) {
    this.#picked = id;
    const place = this.#trucks.get(id);
    if (place !== undefined && this.#view.zoom > 1) this.#move(place);
    this.#raise();
  }

  #place({ location: { lat, lon } }) {
    const perDegree = Number(this.#svg.dataset.perDegree);
    return { x: lon * perDegree, y: this.#size.height - lat * perDegree };
  }

  /** Put a larger mark over the picked truck and the lit one. The dots stay where they are in the document:
      one that moved while it is pressed would never be clicked. */
  #raise() {
    for (const spot of this.#markers.querySelectorAll(".spot")) spot.remove();
    for (const [id, how] of [[this.#picked, "picked"], [this.#lit, "lit"]]) {
      const place = this.#trucks.get(id);
      if (place !== undefined) this.#markers.append(marker(`spot ${how}`, place));
    }
    this.#plant();
  }

  /** Put the flag where its truck is on the screen. */
  #plant() {
    const place = this.#trucks.get(this.#lit ?? this.#picked);
    const left = place && ((place.x - this.#view.x) * this.#view.zoom) / this.#size.width;
    const top = place && ((place.y - this.#view.y) * this.#view.zoom) / this.#size.height;
    this.#flag.hidden = !place || left < 0 || left > 1 || top < 0 || top > 1;
    if (this.#flag.hidden) return;
    this.#flag.textContent = place.name;
    this.#flag.style.left = `${left * 100}%`;
    this.#flag.style.top = `${top * 100}%`;
    this.#flag.classList.toggle("below", top < 0.15);
    // The flag hangs to the side where there is room for it.
    this.#flag.style.setProperty("--hang", `${-100 * left}%`);
  }

  #at(event) {
    const { left, top, width, height } = this.#svg.getBoundingClientRect();
    const { x, y, zoom } = this.#view;
    return {
      x: x + (((event.clientX - left) / width) * this.#size.width) / zoom,
      y: y + (((event.clientY - top) / height) * this.#size.height) / zoom,
    };
  }

  #middle() {
    const { x, y, zoom } = this.#view;
    return { x: x + this.#size.width / zoom / 2, y: y + this.#size.height / zoom / 2 };
  }

  /** Come closer by a factor around a point, which stays where it is on the screen; 0 shows the whole city. */
  #zoom(factor, around = this.#trucks.get(this.#picked) ?? this.#middle()) {
    const { x, y, zoom } = this.#view;
    const next = Math.min(Math.max(zoom * factor, 1), CLOSEST);
    const share = zoom / next;
    this.#view = { x: around.x - (around.x - x) * share, y: around.y - (around.y - y) * share, zoom: next };
    this.#look();
  }

  #move({ x, y }) {
    const { zoom } = this.#view;
    this.#view = { x: x - this.#size.width / zoom / 2, y: y - this.#size.height / zoom / 2, zoom };
    this.#look();
  }

  #look() {
    const { zoom } = this.#view;
    const width = this.#size.width / zoom;
    const height = this.#size.height / zoom;
    this.#view.x = Math.min(Math.max(this.#view.x, 0), this.#size.width - width);
    this.#view.y = Math.min(Math.max(this.#view.y, 0), this.#size.height - height);
    this.#svg.setAttribute("viewBox", `${this.#view.x} ${this.#view.y} ${width} ${height}`);
    this.#svg.style.setProperty("--zoom", zoom);
    this.#svg.style.setProperty("--pixel", `${width / this.#svg.clientWidth}px`); // one of the screen, in the map's units
    this.#svg.classList.toggle("close", zoom > 1);
    byId("zoom-in").disabled = zoom >= CLOSEST;
    byId("zoom-out").disabled = byId("zoom-all").disabled = zoom <= 1;
    this.#plant();
  }

  #wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return; // the wheel alone scrolls the page
    event.preventDefault();
    this.#zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, this.#at(event));
  }

  #drag(event) {
    if (this.#view.zoom <= 1 || event.target.dataset.id !== undefined || event.button !== 0) return;
    const from = this.#at(event);
    const move = (moved) => {
      const to = this.#at(moved);
      this.#view.x += from.x - to.x;
      this.#view.y += from.y - to.y;
      this.#look();
    };
    const end = new AbortController();
    this.#svg.setPointerCapture(event.pointerId);
    this.#svg.addEventListener("pointermove", move, { signal: end.signal });
    for (const over of ["pointerup", "pointercancel"]) {
      this.#svg.addEventListener(over, () => end.abort(), { signal: end.signal });
    }
  }
}

/** A circle; the style sheet gives its size in pixels of the screen, whatever the map's scale. */
function marker(kind, { x, y }) {
  const circle = document.createElementNS(SVG, "circle");
  circle.setAttribute("class", kind);
  circle.setAttribute("cx", x.toFixed(1));
  circle.setAttribute("cy", y.toFixed(1));
  return circle;
}
