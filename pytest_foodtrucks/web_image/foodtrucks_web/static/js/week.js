// Opening hours and moments of the week, counted in minutes from Monday 00:00.

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const NAMES = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const DAY = 24 * 60;
const WEEK = 7 * DAY;

/** The moment that it is, such as "fri-18:30", or the one that the page's address sets with `now=`. */
export function moment(date = new Date(), fixed = new URLSearchParams(location.search).get("now")) {
  if (fixed !== null && /^(mon|tue|wed|thu|fri|sat|sun)-([01]\d|2[0-3]):[0-5]\d$/.test(fixed)) return fixed;
  const pad = (number) => String(number).padStart(2, "0");
  return `${DAYS[(date.getDay() + 6) % 7]}-${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

/** "fri-18:30" as people write it: "Fri 18:30". */
export function written(text) {
  return `${dayName(text.slice(0, 3))} ${text.slice(4)}`;
}

export function dayName(day) {
  return NAMES[DAYS.indexOf(day)];
}

function minuteOf(text) {
  const [hours, minutes] = text.slice(4).split(":").map(Number);
  return DAYS.indexOf(text.slice(0, 3)) * DAY + hours * 60 + minutes;
}

/** Whether a truck with these hours is open at a moment, and the words for it. */
export function status(hours, now) {
  const minute = minuteOf(now);
  let next = { wait: Infinity };
  for (const [day, spans] of Object.entries(hours)) {
    for (const [opening, closing] of spans) {
      const start = minuteOf(`${day}-${opening}`);
      const length = (minuteOf(`${day}-${closing}`) - start + DAY) % DAY || DAY;
      if ((minute - start + WEEK) % WEEK < length) return { open: true, text: `Open until ${closing}` };
      const wait = (start - minute + WEEK) % WEEK;
      if (wait < next.wait) next = { wait, day, opening };
    }
  }
  if (next.day === undefined) return { open: false, text: "Closed all week" };
  const today = next.day === now.slice(0, 3) && next.wait < DAY;
  return { open: false, text: `Closed, opens ${today ? "at" : dayName(next.day)} ${next.opening}` };
}

/** The hours of a week as rows: a day's name, and its spans or "closed". */
export function table(hours) {
  return DAYS.map((day) => [dayName(day), (hours[day] ?? []).map((span) => span.join("–")).join(", ") || "closed"]);
}
