/** Questions to the server: a few at a time, each once, and none that nobody waits for any more. */

const MOST = 5; // a browser opens six connections to one server, and the live one takes one of them
const waiting = [];
const going = new Map();
let running = 0;

/** What went wrong, in words that help. */
export class Trouble extends Error {}

/**
 * The answer to GET.
 * @param {string} path such as "/api/series"
 * @param {Object} words the parameters; a list is repeated, null is left out
 * @param {AbortSignal} [signal] ends it; the question itself ends when nobody else waits for it
 */
export function ask(path, words = {}, signal = undefined) {
  const address = addressOf(path, words);
  let shared = going.get(address);
  if (!shared) {
    shared = { address, askers: 0, stop: new AbortController() };
    shared.answer = new Promise((resolve, reject) => Object.assign(shared, { resolve, reject }));
    shared.answer.catch(() => {}); // every asker has heard of it
    going.set(address, shared);
    waiting.push(shared);
    next();
  }
  shared.askers += 1;
  return new Promise((resolve, reject) => {
    shared.answer.then(resolve, reject);
    signal?.addEventListener("abort", () => {
      reject(new DOMException("no longer wanted", "AbortError"));
      shared.askers -= 1;
      if (shared.askers === 0) give_up(shared);
    }, { once: true });
  });
}

/** An address with its parameters, each of them encoded. */
export function addressOf(path, words) {
  const parts = [];
  for (const [name, value] of Object.entries(words)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined) parts.push(`${encodeURIComponent(name)}=${encodeURIComponent(one)}`);
    }
  }
  return parts.length ? `${path}?${parts.join("&")}` : path;
}

function give_up(shared) {
  going.delete(shared.address);
  const place = waiting.indexOf(shared);
  if (place >= 0) waiting.splice(place, 1);
  shared.stop.abort();
}

function next() {
  while (running < MOST && waiting.length) {
    const shared = waiting.shift();
    running += 1;
    fetched(shared.address, shared.stop.signal).then(shared.resolve, shared.reject).finally(() => {
      running -= 1;
      if (going.get(shared.address) === shared) going.delete(shared.address);
      next();
    });
  }
}

async function fetched(address, signal) {
  let answer;
  try {
    answer = await fetch(address, { signal, headers: { Accept: "application/json" } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble("The server does not answer. Is `fieldline serve` still running?", { cause: error });
  }
  if (answer.ok) return answer.json();
  const body = await answer.json().catch(() => ({}));
  throw new Trouble(wordsOf(answer.status, body.error ?? body.detail ?? answer.statusText));
}

function wordsOf(status, words) {
  if (status === 401) return "This station wants an API key: reload the page and give the key as the password, with any user name.";
  if (status === 403) return "Your key may not read this: ask whoever runs the station for a key with this bucket.";
  if (status === 429) return "Too many requests: wait a minute, then try again.";
  return `The server says: ${typeof words === "string" ? words : JSON.stringify(words)}`;
}
