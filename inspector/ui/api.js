// The calls of the API and the live stream. All paths are relative to the page, so it
// works under any prefix.

// call answers with the object that the API returns, or throws an Error with the
// gateway's own words.
async function call(method, path, query, body) {
  const search = new URLSearchParams(Object.entries(query ?? {}).filter(([, v]) => v != null));
  const url = "api/" + path + (search.size ? "?" + search : "");
  const options = { method, cache: "no-store" };
  if (method === "POST") {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body ?? {});
  }
  let answer;
  try {
    answer = await fetch(url, options);
  } catch {
    throw new Error("The gateway's page cannot be reached. Is it still running?");
  }
  let said;
  try {
    said = await answer.json();
  } catch {
    throw new Error("The gateway answers " + answer.status + " without JSON.");
  }
  if (!answer.ok) throw new Error(said.error || "The gateway answers " + answer.status + ".");
  return said;
}

export const get = (path, query) => call("GET", path, query);
export const post = (path, body) => call("POST", path, null, body);
export const remove = (path) => call("DELETE", path);

// part is a text as one part of a path.
export const part = encodeURIComponent;

// There is one stream for the whole page: a browser opens few connections to a host.
const listeners = new Set();
const watchers = new Set();
let source = null;
let state = "connecting";
let last = ""; // the ID of the last event, behind which a new connection resumes

// listen calls f(kind, event) for each event of the stream until the returned function
// is called.
export function listen(f) {
  listeners.add(f);
  connect();
  return () => listeners.delete(f);
}

// watchStream calls f(state) now and when the stream's state changes.
export function watchStream(f) {
  watchers.add(f);
  f(state);
  return () => watchers.delete(f);
}

function become(next) {
  state = next;
  watchers.forEach((f) => f(state));
}

function connect() {
  if (source) return;
  source = new EventSource("api/tail" + (last && "?after=" + part(last)));
  source.onopen = () => {
    become("live");
    listeners.forEach((f) => f("opened", {}));
  };
  source.onerror = () => {
    become("not connected");
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again
    source = null;
    setTimeout(connect, 3000);
  };
  for (const kind of ["request", "attempt", "circuit", "lost", "gap"]) {
    source.addEventListener(kind, (message) => {
      if (message.lastEventId) last = message.lastEventId;
      const event = JSON.parse(message.data);
      listeners.forEach((f) => f(kind, event));
    });
  }
}

// pace returns a function that calls f soon, and never more often than every ms.
export function pace(f, ms = 400) {
  let timer = null;
  const paced = () => { timer ??= setTimeout(() => { timer = null; f(); }, ms); };
  paced.stop = () => clearTimeout(timer);
  return paced;
}
