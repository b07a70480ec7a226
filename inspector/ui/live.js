// The page Live: outcomes of requests and attempts as they happen.
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { get, listen, pace } from "./api.js";
import { clock, printable, short } from "./text.js";
import { Foreign, State, useLoad } from "./parts.js";
import { go, link } from "./route.js";

const most = 500; // lines that are kept
let serial = 0; // keys of the lines

const kinds = { requests: "request", attempts: "attempt", circuits: "circuit" };

function words(e) {
  return [
    e.attempt && "attempt " + e.attempt,
    e.status ? "status " + e.status : e.failure,
    e.attempt && e.duration_seconds && "in " + short(e.duration_seconds * 1000),
    e.next && "next at " + clock(e.next).slice(11),
    e.reason, e.detail, e.uri && e.method + " " + e.uri,
    e.status && e.error === "HTTP status " + e.status ? "" : e.error,
    e.reason && e.client_ip && "from " + e.client_ip,
  ].filter(Boolean).join(", ");
}

export function Live({ query }) {
  const [lines, setLines] = useState([]);
  const [held, setHeld] = useState(false);
  const holding = useRef(false);
  const waiting = useRef([]);
  const [fresh, setFresh] = useState(0);
  const [endpoints] = useLoad(async () => (await get("endpoints")).endpoints, [], 0);
  useEffect(() => {
    // Many events can come in a moment: they are shown together.
    const show = pace(() => {
      if (holding.current) { setFresh(waiting.current.length); return; }
      const some = waiting.current.splice(0);
      setLines((was) => [...some.reverse(), ...was].slice(0, most));
    }, 150);
    const deaf = listen((kind, event) => {
      if (kind === "opened") return;
      waiting.current.push({ key: serial++, kind, event });
      if (waiting.current.length > most) waiting.current.shift();
      show();
    });
    return () => { deaf(); show.stop(); };
  }, []);
  const hold = () => {
    holding.current = !held;
    setHeld(!held);
    setFresh(0);
    if (held) {
      const some = waiting.current.splice(0);
      setLines((was) => [...some.reverse(), ...was].slice(0, most));
    }
  };
  const set = (name) => (e) => go(link("live", { ...query, [name]: e.target.value || undefined }), true);
  const shown = lines.filter(({ kind, event }) => kind === "lost" || kind === "gap" ||
    ((!query.endpoint || event.endpoint === query.endpoint) && (!query.kind || kinds[query.kind] === kind) && (!query.outcome || event.outcome === query.outcome)));
  const outcomes = Array.from(new Set(lines.map((l) => l.event.outcome).concat(query.outcome).filter(Boolean))).sort();
  const select = (name, label, options) => html`<label>${label} <select name=${name} onChange=${set(name)}>
    <option value="" selected=${!query[name]}>all</option>${options.map((o) => html`<option value=${o} selected=${o === query[name]}>${printable(o)}</option>`)}</select></label>`;
  return html`<h1 tabindex="-1">Live</h1>
    <div class="filters" role="group" aria-label="Filters">
      ${select("endpoint", "Endpoint", (endpoints ?? []).map((e) => e.name))}${select("kind", "Kind", Object.keys(kinds))}${select("outcome", "Outcome", outcomes)}
      <button type="button" aria-pressed=${held ? "true" : "false"} onClick=${hold}>Hold</button>
      <button type="button" onClick=${() => setLines([])}>Empty</button>
      <span role="status">${held && fresh > 0 ? fresh + " new" : ""}</span>
    </div>
    ${shown.length === 0 ? html`<p>Nothing has happened since this page was opened. Events appear here as they happen.</p>` : html`<table class="list" aria-label="Events as they happen, the newest first">
      <thead><tr><th scope="col">At</th><th scope="col">Of</th><th scope="col">Outcome</th><th scope="col">Event</th><th scope="col" class="wide">More</th></tr></thead>
      <tbody>${shown.map(({ key, kind, event: e }) => (kind === "lost" ? html`<tr key=${key}><td colspan="5">${e.lost} events were left out: too many at once.</td></tr>` : kind === "gap" ? html`<tr key=${key}><td colspan="5">Events before ${clock(e.until).slice(11)} may be missing: <${Foreign} text=${e.why} max=${200} /></td></tr>` : html`<tr key=${key}>
        <td><time datetime=${e.at}>${clock(e.at).slice(11)}</time></td>
        <td><${Foreign} text=${e.endpoint + (e.forward ? "/" + e.forward : "")} /></td>
        <td><${State} state=${e.outcome} /></td>
        <td>${e.message_id ? html`<a data-open href=${link("event", { id: e.message_id })}><${Foreign} text=${e.event_type || "event"} max=${60} /></a>`
          : e.refused_id ? html`<a data-open href=${link("refused-request", { id: e.refused_id })}>refused request</a>` : html`<${Foreign} text=${e.event_type || "-"} max=${60} />`}
          ${e.event_id && html`${" "}<span class="quiet"><${Foreign} text=${e.event_id} max=${60} /></span>`}</td>
        <td class="wide"><${Foreign} text=${words(e)} max=${200} /></td></tr>`))}</tbody></table>`}`;
}
