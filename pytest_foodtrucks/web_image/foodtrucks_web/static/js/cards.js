// The list of trucks: one card each, some at a time.

import { byId, el } from "./dom.js";
import { status, table } from "./week.js";

const PAGE = 24;
const HUES = 6;

export class Cards {
  #list = byId("results");
  #more = byId("more");
  #trucks = [];
  #shown = 0;
  #words = [];
  #now = "";
  #picked = null;

  /** `heed(id, how)` is told when somebody points at a card ("lit"), leaves it ("unlit") or picks it ("picked"). */
  constructor(heed) {
    this.#more.addEventListener("click", () => this.#showMore());
    const tell = (how) => (event) => {
      const card = event.target.closest?.(".card");
      if (card) heed(card.dataset.id, how);
    };
    this.#list.addEventListener("pointerover", tell("lit"));
    this.#list.addEventListener("pointerout", tell("unlit"));
    this.#list.addEventListener("focusin", tell("lit"));
    this.#list.addEventListener("focusout", tell("unlit"));
    this.#list.addEventListener("click", (event) => {
      if (event.target.closest(".name")) tell("picked")(event);
    });
  }

  show(trucks, { words, now }) {
    this.#trucks = trucks;
    this.#words = words.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean);
    this.#now = now;
    this.#shown = 0;
    const focused = this.#list.querySelector(".card:focus-within")?.dataset.id;
    this.#list.replaceChildren();
    this.#add(PAGE);
    if (focused !== undefined) this.#card(focused)?.querySelector(".name").focus({ preventScroll: true });
  }

  /** Whether the list is as it was first shown: nobody reads further down or within. */
  get untouched() {
    return this.#shown <= PAGE && this.#list.querySelector(":focus-within, details[open]") === null;
  }

  /** Mark a card, or none, as the one that is pointed at on the map. */
  light(id, lit) {
    this.#card(id)?.classList.toggle("lit", lit);
  }

  /** Mark a card as picked, make it if it isn't there yet, and bring it into view. */
  pick(id) {
    this.#picked = id;
    for (const button of this.#list.querySelectorAll('[aria-pressed="true"]')) button.setAttribute("aria-pressed", "false");
    const index = this.#trucks.findIndex((truck) => truck.id === id);
    if (index < 0) return;
    this.#add(index + 1 - this.#shown);
    const button = this.#card(id).querySelector(".name");
    button.setAttribute("aria-pressed", "true");
    button.focus({ preventScroll: true });
    this.#card(id).scrollIntoView({ block: "center", behavior: "smooth" });
  }

  #card(id) {
    return this.#list.querySelector(`[data-id="${CSS.escape(id)}"]`);
  }

  #showMore() {
    const first = this.#shown;
    this.#add(PAGE);
    // The button may be gone now: the reader goes on with the first new card.
    this.#list.children[first]?.querySelector(".name").focus();
  }

  #add(count) {
    const added = this.#trucks.slice(this.#shown, this.#shown + Math.max(count, 0));
    this.#list.append(...added.map((truck) => this.#make(truck)));
    this.#shown += added.length;
    const left = this.#trucks.length - this.#shown;
    this.#more.hidden = left === 0;
    this.#more.textContent = `Show ${Math.min(PAGE, left)} more of ${left}`;
  }

  #make(truck) {
    const { open, text } = status(truck.hours, this.#now);
    const hours = el("table", {}, el("tbody", {}, ...table(truck.hours).map(([day, spans]) =>
      el("tr", {}, el("th", { scope: "row" }, day), el("td", {}, spans)))));
    return el(
      "li",
      { class: "card", "data-id": truck.id, "data-hue": hue(truck.id) },
      el("div", { class: "awning", "aria-hidden": "true" }),
      el("h3", {}, el("button", { class: "name", type: "button", "aria-pressed": String(truck.id === this.#picked) }, ...this.#marked(truck.name))),
      el("p", { class: "address" }, ...this.#marked(truck.street), " · ", ...this.#marked(truck.district)),
      el("p", { class: open ? "hours open" : "hours" }, text),
      el("ul", { class: "dishes", "aria-label": "Dishes" }, ...truck.dishes.map((dish) => el("li", {}, ...this.#marked(dish)))),
      el("details", {}, el("summary", {}, "All hours"), hours),
    );
  }

  /** A text in which the beginnings that were searched for are marked. */
  #marked(text) {
    return text.split(/([^\p{L}\p{N}]+)/u).map((word) => {
      const hit = this.#words.find((start) => word.toLowerCase().startsWith(start));
      return hit === undefined ? word : el("span", {}, el("mark", {}, word.slice(0, hit.length)), word.slice(hit.length));
    });
  }
}

/** A truck keeps its colours: they come from its name. */
function hue(id) {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.charCodeAt(0)) % 9973;
  return sum % HUES;
}
