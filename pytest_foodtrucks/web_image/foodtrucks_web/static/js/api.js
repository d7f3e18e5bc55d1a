// Questions to the app, each with a bound, and its answers or one kind of failure.

const PATIENCE = 5000; // ms; the app itself gives up on Elasticsearch after two seconds

/** The app, or Elasticsearch behind it, can't answer now; the message is for people. */
export class Unavailable extends Error {}

async function ask(path, signal) {
  const bounds = [AbortSignal.timeout(PATIENCE)];
  if (signal !== undefined) bounds.push(signal);
  let response;
  try {
    response = await fetch(path, { signal: AbortSignal.any(bounds), headers: { Accept: "application/json" } });
    const body = await response.json();
    if (response.ok) return body;
    throw new Unavailable(body.error ?? body.reason ?? `The app answered ${response.status}.`);
  } catch (error) {
    // A newer question took this one's place: that is no failure.
    if (signal?.aborted || error instanceof Unavailable) throw error;
    throw new Unavailable(error.name === "TimeoutError" ? "The app doesn't answer." : "The app can't be reached.", {
      cause: error,
    });
  }
}

/** Find all trucks that fit, and count the dishes. */
export function search({ words, dish, open }, signal) {
  const parameters = new URLSearchParams({ q: words, dish, open, size: 1000, facet: "dish" });
  return ask(`search?${parameters}`, signal);
}

export function health() {
  return ask("healthz");
}
