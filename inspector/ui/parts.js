// Parts that several pages share.
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { listen, pace, post } from "./api.js";
import { ago, clock, cut, layJSON, hexdump, bodyBytes, printable, bytes, spaced } from "./text.js";

// Foreign shows a text that a sender or an upstream wrote. <bdi> keeps its direction
// from changing the text around it.
export const Foreign = ({ text, max = 0 }) => html`<bdi>${max ? cut(text, max) : printable(text)}</bdi>`;

export const When = ({ at }) => (at ? html`<time datetime=${at} title=${clock(at)}>${ago(at)}</time>` : "-");

export const Problem = ({ error }) => (error ? html`<p class="problem" role="alert">${printable(error.message ?? error)}</p>` : null);

// marks stand beside the words of states, so that colour is not all that tells them apart.
const marks = {
  ok: ["✓", "good"], delivered: ["✓", "good"], accepted: ["✓", "good"], closed: ["✓", "good"], verified: ["✓", "good"],
  waiting: ["…", "quiet"], claimed: ["…", "quiet"], duplicate: ["=", "quiet"], replayed: ["=", "quiet"], released: ["…", "quiet"], idle: ["·", "quiet"],
  retry: ["↻", "warn"], paused: ["‖", "warn"], unrouted: ["?", "warn"], observed: ["!", "warn"], observing: ["!", "warn"], failing: ["!", "warn"],
  dead_letter: ["✕", "bad"], refused: ["✕", "bad"], cancelled: ["–", "quiet"],
};

export function State({ state, children }) {
  const [mark, tone] = marks[state] ?? ["!", "bad"];
  return html`<span class="state ${tone}"><span class="mark" aria-hidden="true">${mark}</span> ${children ?? printable(spaced(state))}</span>`;
}

// useLoad loads with f at once, when one of deps changes, on the stream's hints, and now
// and then. It returns what was loaded, the error, and a function that loads again.
export function useLoad(f, deps, every = 5000) {
  const [loaded, setLoaded] = useState({ data: null, error: null });
  const again = useRef(() => {});
  useEffect(() => {
    let gone = false, busy = false, due = false;
    const load = async () => {
      if (busy) { due = true; return; }
      busy = true;
      try {
        const data = await f();
        if (!gone) setLoaded({ data, error: null });
      } catch (error) {
        if (!gone) setLoaded((was) => ({ data: was.data, error }));
      }
      busy = false;
      if (due && !gone) { due = false; paced(); }
    };
    const paced = pace(load);
    again.current = load;
    setLoaded({ data: null, error: null });
    load();
    const deaf = every ? listen(paced) : () => {};
    const timer = every ? setInterval(() => { if (!document.hidden) load(); }, every) : null;
    return () => { gone = true; deaf(); clearInterval(timer); paced.stop(); };
  }, deps);
  return [loaded.data, loaded.error, () => again.current()];
}

// Action is a button that calls f and shows how it ended. It cannot be pressed twice.
export function Action({ f, children, disabled, title }) {
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState(null);
  const press = async () => {
    setBusy(true);
    setSaid(null);
    try {
      setSaid({ text: await f() });
    } catch (error) {
      setSaid({ error });
    }
    setBusy(false);
  };
  return html`<span class="action"><button type="button" disabled=${busy || disabled} title=${title} onClick=${press}>${children}</button>
    ${said && html`<span role="status" class=${said.error ? "bad" : "quiet"}>${printable(said.error ? said.error.message : said.text ?? "")}</span>`}</span>`;
}

export const Pause = ({ forward, endpoint, reload }) => html`<${Action} f=${async () => {
  await post(forward.paused ? "resume" : "pause", { endpoint, forward: forward.name });
  reload();
}}>${forward.paused ? "Resume" : "Pause"}<span class="hide"> ${printable(forward.destination)}</span><//>`;

// Probe tries an upstream whose circuit is open now, not when its pause is over.
export const Probe = ({ forward, endpoint, reload }) => forward.circuit?.state === "open" && !forward.paused && html`<${Action} f=${async () => {
  const done = await post("probe", { endpoint, forward: forward.name });
  reload();
  return done.destinations.length ? "An attempt is made now." : "Not tried: " + Object.values(done.skipped ?? {}).join(", ") + ".";
}}>Try now<span class="hide"> ${printable(forward.destination)}</span><//>`;

// forwardState is the state of a forward as a key of marks and as words.
export function forwardState(f) {
  const c = f.circuit;
  if (f.orphaned) return ["orphaned", "not in the configuration"];
  if (f.paused) return ["paused", "paused"];
  if (f.elsewhere) return ["ok", f.owner ? "delivered by " + f.owner : "delivered by another gateway"];
  if (!c) return ["stopped", "no worker"];
  if (c.state === "open") return ["circuit_open", "circuit open, next try " + (c.next_probe ? ago(c.next_probe) : "soon")];
  if (c.state === "half_open") return ["circuit_open", "circuit is probing"];
  if (f.waiting > 0 && f.last_failure && !(f.last_success > f.last_failure)) return ["failing", "failing"];
  return ["ok", "ok"];
}

// whyWords says what a delivery waits for.
export function whyWords(why) {
  const until = why.until ? " until " + clock(why.until).slice(11) : "";
  return {
    paused: "it is paused", orphaned: "the configuration does not have its forward", stopped: "the configuration is being stopped",
    circuit_open: "its circuit is open" + until, circuit_half_open: "another delivery is tried first", order: "message " + why.behind + " goes first",
    due: "it is due " + ago(why.until), rate: "the forward's rate is used up" + until, concurrency: "as many attempts as allowed are under way", soon: "it is next",
  }[why.reason] ?? spaced(why.reason);
}

// heldWords says of which destinations deliveries are not attempted yet, and why.
export const heldWords = (held) => Object.entries(held ?? {}).map(([to, why]) => ` ${to} gets nothing yet: ${whyWords(why)}.`).join("");

// Body shows a body as JSON, as text or in hex.
export function Body({ request, href }) {
  const data = bodyBytes(request);
  const json = request.encoding ? null : layJSON(request.body);
  const ways = [json && "JSON", !request.encoding && "Text", "Hex"].filter(Boolean);
  const [chosen, choose] = useState(null);
  const way = ways.includes(chosen) ? chosen : ways[0];
  const most = 16384; // lines of hex are dear to lay out
  const text = way === "Hex" ? hexdump(data.subarray(0, most)) + (data.length > most ? `\n… the first ${most} bytes` : "")
    : way === "Text" ? printable(request.body, true)
    : json.map(([kind, s]) => (kind ? html`<span class="json-${kind}">${printable(s)}</span>` : s));
  return html`<section aria-labelledby="body">
    <h2 id="body">Body, ${bytes(request.body_bytes)}</h2>
    <p class="row">${ways.map((w) => html`<button type="button" aria-pressed=${w === way ? "true" : "false"} onClick=${() => choose(w)}>${w}</button>`)}
      ${href && html`<a class="button" href=${href} download="body">Save</a>`}</p>
    ${request.truncated && html`<p>Only the beginning is shown: ${bytes(data.length)}.</p>`}
    <pre class="box" tabindex="0" role="region" aria-label="Body as ${way}"><bdi>${text}</bdi></pre>
  </section>`;
}

// Request shows the request line and the headers.
export const Request = ({ request }) => html`<section aria-labelledby="request">
  <h2 id="request">Request as received</h2>
  <pre class="box" tabindex="0" role="region" aria-label="Request line and headers"><bdi>${printable(request.method)} ${printable(request.uri)} ${printable(request.proto)}</bdi>${"\n"}<b>Host</b>: <bdi>${printable(request.host)}</bdi>${
    Object.keys(request.headers).sort().flatMap((name) => request.headers[name].map((value) =>
      html`${"\n"}<b><bdi>${printable(name)}</bdi></b>: <bdi>${printable(value)}</bdi>`))}</pre>
</section>`;

// Copy copies a text and says so.
export const Copy = ({ text, children }) => html`<${Action} f=${async () => {
  await navigator.clipboard.writeText(text);
  return "Copied.";
}}>${children}<//>`;
