// The page: what was asked, what was answered, and what to say when there is no answer.

import { health, search, Unavailable } from "./api.js";
import { Cards } from "./cards.js";
import { byId, el } from "./dom.js";
import { CityMap } from "./map.js";
import { moment, written } from "./week.js";

const TYPING = 120; // ms without a key before a search
const WATCH = 3000; // ms between two looks at the app's health
const SUGGESTIONS = 8;
const AGAIN = 2000; // ms between two tries while there is trouble

const form = byId("search");
const words = byId("q");
const dish = byId("dish");
const open = byId("open-now");

const map = new CityMap(heed);
const cards = new Cards(heed);

let asking = new AbortController();
let typing;
let again;
let trouble = false;

/** Somebody points at a truck or picks it: the map and the list show the same one. */
function heed(id, how) {
  if (how !== "picked") {
    map.light(id, how === "lit");
    cards.light(id, how === "lit");
    return;
  }
  map.pick(id);
  cards.pick(id);
}

function question() {
  return { words: words.value.trim(), dish: dish.value, open: open.checked ? moment() : "" };
}

/** Ask, show, and remember in the address, so that a link or the way back asks the same. */
async function ask() {
  clearTimeout(typing);
  clearTimeout(again);
  asking.abort();
  const { signal } = (asking = new AbortController());
  const asked = question();
  remember(asked);
  byId("results").setAttribute("aria-busy", "true");
  try {
    const found = await search(asked, signal);
    calm();
    show(found, asked);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof Unavailable)) throw error;
    worry(error.message);
  }
  byId("results").removeAttribute("aria-busy");
}

function show({ hits, trucks, dishes }, asked) {
  const now = moment();
  offer(dishes);
  cards.show(trucks, { words: asked.words, now });
  map.show(trucks, { now });
  byId("count").textContent = sentence(hits, asked);
  byId("clear").hidden = !(asked.words || asked.dish || asked.open);
  byId("clock").textContent = written(now);
  suggest(dishes, asked);
  nothing(hits === 0, asked);
}

function sentence(hits, { words, dish, open }) {
  const number = hits === 0 ? "No trucks" : hits === 1 ? "1 truck" : `${hits} trucks`;
  return [number, words && `for “${words}”`, dish && `with ${dish.toLowerCase()}`, open && "open now"].filter(Boolean).join(" ");
}

/** Offer the dishes that the other filters leave, and keep the chosen one even when nothing is left. */
function offer(dishes) {
  const chosen = dish.value;
  const options = dishes.map(({ name, trucks }) => el("option", { value: name }, `${name} (${trucks})`));
  if (chosen && !dishes.some(({ name }) => name === chosen)) options.push(el("option", { value: chosen }, `${chosen} (0)`));
  dish.replaceChildren(el("option", { value: "" }, "Any dish"), ...options);
  dish.value = chosen;
}

/** Offer what most of the trucks found have, to be chosen by one tap. */
function suggest(dishes, asked) {
  const most = [...dishes].sort((one, other) => other.trucks - one.trucks).slice(0, SUGGESTIONS);
  const chips = most.map(({ name, trucks }) => {
    const pressed = String(name === asked.dish);
    return el("button", { type: "button", "aria-pressed": pressed, "data-dish": name }, name, " ", el("small", {}, trucks));
  });
  byId("suggestions").replaceChildren(...chips);
  byId("popular").hidden = most.length === 0;
}

function nothing(empty, asked) {
  byId("empty").hidden = !empty;
  if (!empty) return;
  byId("empty-text").textContent = asked.words
    ? `No truck in town has “${asked.words}”${asked.open || asked.dish ? " with these filters" : ""}.`
    : "No truck in town fits these filters.";
  const remedies = [
    asked.open && remedy("Also show closed trucks", () => { open.checked = false; }),
    asked.dish && remedy("Any dish", () => { dish.value = ""; }),
    asked.words && remedy("Forget the words", () => { words.value = ""; }),
  ];
  byId("empty-remedies").replaceChildren(...remedies.filter(Boolean));
}

function remedy(text, change) {
  const button = el("button", { type: "button" }, text);
  button.addEventListener("click", () => {
    change();
    words.focus();
    ask();
  });
  return button;
}

/** Say that there is no answer, keep what was found before, and try again until there is one. */
function worry(reason) {
  again = setTimeout(ask, AGAIN);
  if (trouble) return;
  trouble = true;
  document.body.classList.add("in-trouble");
  byId("trouble").replaceChildren(
    el("strong", {}, "The kitchen is out of reach."),
    " The search comes back by itself: this page keeps asking. ",
    el("small", {}, reason),
  );
  byId("trouble").hidden = false;
  const before = byId("results").children.length > 0;
  byId("count").textContent = before ? "No answer yet; these were found before" : "No answer yet";
}

function calm() {
  if (!trouble) return;
  trouble = false;
  document.body.classList.remove("in-trouble");
  byId("trouble").hidden = true;
  byId("trouble").replaceChildren();
}

/** Look after the app even when nobody types, and let the clock go on while nobody reads in the list. */
async function watch() {
  if (!trouble && document.visibilityState === "visible") {
    if (byId("clock").textContent !== written(moment()) && cards.untouched) await ask();
    try {
      await health();
    } catch {
      await ask(); // which says what is wrong, or finds that nothing is
    }
  }
  setTimeout(watch, WATCH);
}

function remember({ words, dish, open }) {
  const address = new URL(location);
  for (const [name, value] of Object.entries({ q: words, dish, open: open && "now" })) {
    if (value) address.searchParams.set(name, value);
    else address.searchParams.delete(name);
  }
  history.replaceState(null, "", address);
}

function recall() {
  const address = new URLSearchParams(location.search);
  words.value = address.get("q") ?? "";
  open.checked = address.get("open") === "now";
  const chosen = address.get("dish") ?? "";
  if (chosen) dish.append(el("option", { value: chosen }, chosen));
  dish.value = chosen;
}

words.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(ask, TYPING);
});
dish.addEventListener("change", ask);
open.addEventListener("change", ask);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
byId("suggestions").addEventListener("click", async (event) => {
  const name = event.target.closest("button")?.dataset.dish;
  if (name === undefined) return;
  dish.value = dish.value === name ? "" : name;
  await ask();
  byId("suggestions").querySelector(`[data-dish="${CSS.escape(name)}"]`)?.focus();
});
byId("clear").addEventListener("click", () => {
  words.value = "";
  dish.value = "";
  open.checked = false;
  words.focus();
  ask();
});

recall();
ask();
setTimeout(watch, WATCH);
