// The page Overview: what needs a person, endpoints, forwards and the store.
import { html } from "./vendor/preact-htm.js";
import { get } from "./api.js";
import { ago, bytes, plural, printable, setClock, short } from "./text.js";
import { Foreign, Pause, Probe, Problem, State, When, forwardState, useLoad } from "./parts.js";
import { link } from "./route.js";

// needs lists what needs a person, each with a link to the place where it is mended.
export function needs(status, endpoints) {
  const all = [];
  const say = (text, href, word) => all.push({ text, href, word });
  const s = status.store;
  if (!s.available) say("The store is not available, so senders get 503. " + (s.cause || "The disk is full or faulty."));
  else if (s.disk_full) say("The disk or its quota is full, so senders get 503. " + (s.disk_needed_bytes ? bytes(s.disk_needed_bytes) + " have to be free. " : "") + "Deliveries make room. Else free space or enlarge the disk.");
  const full = (have, limit) => limit > 0 && have >= limit * 0.8;
  if (full(s.backlog_bytes, s.backlog_limit_bytes)) say(`The backlog has reached ${Math.floor((s.backlog_bytes * 100) / s.backlog_limit_bytes)} % of max_backlog. At 100 % senders get 503.`);
  for (const warning of s.cluster?.warnings ?? []) say("Warning: " + warning);
  if (s.damaged > 0) say(plural(s.damaged, "record was", "records were") + " set aside because they cannot be read. Stop the gateway and run: caddy webhook check");
  for (const e of endpoints) {
    if (full(e.backlog_bytes, e.max_backlog_bytes)) say(`The backlog of ${e.name} has reached ${Math.floor((e.backlog_bytes * 100) / e.max_backlog_bytes)} % of its max_backlog. At 100 % its senders get 503.`, link("endpoint", { name: e.name }), "Look");
    if (e.unrouted > 0) say(`${e.name}: ${plural(e.unrouted, "event", "events")} matched no forward and went nowhere.`, link("events", { endpoint: e.name, state: "unrouted" }), "Look");
    for (const [reason, n] of Object.entries(e.requests.refused_last_hour ?? {})) {
      say(`${plural(n, "request", "requests")} to ${e.name} ${e.mode === "observe" ? "would have been refused" : n === 1 ? "was refused" : "were refused"} in the last hour: ${reason}.`, link("refused", { endpoint: e.name, reason }), "Look");
    }
    for (const f of e.forwards) {
      const those = { endpoint: e.name, forward: f.name };
      if (f.orphaned && f.waiting > 0) say(`${plural(f.waiting, "delivery waits", "deliveries wait")} for ${f.destination}, which the configuration does not have.`, link("events", { ...those, state: "waiting" }), "Look");
      if (f.dead_letters > 0) say(`${plural(f.dead_letters, "dead letter", "dead letters")} in ${f.destination}.`, link("events", { ...those, state: "dead_letter" }), "Look");
      if (f.paused) say(`${f.destination} is paused, and ${plural(f.waiting, "delivery waits", "deliveries wait")}.`, link("endpoint", { name: e.name }), "Look");
      const state = forwardState(f)[0];
      if (state === "circuit_open" || state === "failing") {
        const since = f.last_success ? "; the last success was " + ago(f.last_success) : "";
        say(`${f.destination} is failing${since}: ${f.circuit.error || f.last_error || "no error is known"}`, link("endpoint", { name: e.name }), "Look");
      }
    }
  }
  return all;
}

// Spark is the last hour as two rows of bars: what went well above the line, the rest
// below. The words beside it say the same.
function Spark({ good, bad, words }) {
  const most = Math.max(1, ...(good ?? []), ...(bad ?? []));
  const bars = (counts, sign) => (counts ?? []).map((n, i) => (n ? `M${i * 2 + 1} 16v${-sign * Math.max(1, Math.round((n / most) * (sign > 0 ? 15 : 7)))}` : "")).join("");
  return html`<svg class="spark" role="img" aria-label=${words} width="120" height="24" viewBox="0 0 120 24"><title>${words}</title>
    <path class="axis" d="M0 16h120" /><path class="up" d=${bars(good, 1) || "M0 16"} /><path class="down" d=${bars(bad, -1) || "M0 16"} /></svg>`;
}

// took is the median of the durations, and the value that 95 % keep to.
const took = (latency) => (latency ? short(latency.p50_seconds * 1000) + " / " + short(latency.p95_seconds * 1000) : "-");

const modeOf = (e) => (e.kind === "orphaned" ? "orphaned" : e.mode === "observe" ? "observing" : e.kind === "pass" ? "passes on" : "forwards");
const count = (n) => n.toLocaleString("en");

export function Overview({ mayChange }) {
  const [data, error, reload] = useLoad(async () => {
    const [status, list] = await Promise.all([get("status"), get("endpoints")]);
    setClock(status.now);
    return { status, endpoints: list.endpoints };
  }, []);
  if (!data) return html`<h1 tabindex="-1">Overview</h1><${Problem} error=${error} />${!error && html`<p>Loading …</p>`}`;
  const { status, endpoints } = data;
  const todo = needs(status, endpoints);
  const s = status.store;
  return html`<h1 tabindex="-1">Overview</h1>
    <${Problem} error=${error} />
    ${todo.length === 0 ? html`<p class="state good"><span class="mark" aria-hidden="true">✓</span> Nothing needs you.</p>`
      : html`<ul class="needs">${todo.map((n) => html`<li><bdi>${printable(n.text)}</bdi>${n.href && html`${" "}<a data-open href=${n.href}>${n.word}</a>`}</li>`)}</ul>`}
    <h2 id="endpoints">Endpoints in the last hour</h2>
    <table aria-labelledby="endpoints">
      <thead><tr><th scope="col">Endpoint</th><th scope="col">Mode</th><th scope="col" class="n">Accepted</th><th scope="col" class="n">Refused</th><th scope="col" class="n wide">Dropped</th><th scope="col" class="wide">p50 / p95</th><th scope="col" class="wide">Last accepted</th><th scope="col" class="wide">By minute</th></tr></thead>
      <tbody>${endpoints.map((e) => html`<tr key=${e.name}>
        <th scope="row"><a data-open href=${link("endpoint", { name: e.name })}><${Foreign} text=${e.name} /></a></th>
        <td><${State} state=${e.mode === "observe" ? "observing" : e.kind === "orphaned" ? "orphaned" : "ok"}>${modeOf(e)}<//></td>
        <td class="n">${count(e.recent.accepted)}</td>
        <td class="n">${count(e.recent.refused)}${e.mode === "observe" ? " would be" : ""}</td>
        <td class="n wide">${count(e.recent.dropped)}</td>
        <td class="wide">${took(e.latency)}</td>
        <td class="wide"><${When} at=${e.requests.last_accepted} /></td>
        <td class="wide"><${Spark} good=${e.recent.accepted_by_minute} bad=${e.recent.refused_by_minute} words=${`${count(e.recent.accepted)} accepted, ${count(e.recent.refused)} refused in the last hour`} /></td></tr>`)}</tbody>
    </table>
    <h2 id="forwards">Forwards, with the attempts of the last hour</h2>
    <table aria-labelledby="forwards">
      <thead><tr><th scope="col">Forward</th><th scope="col">State</th><th scope="col" class="n">Waiting</th><th scope="col" class="wide">Oldest</th><th scope="col" class="n">Dead</th><th scope="col" class="wide">p50 / p95</th><th scope="col" class="n wide">Failed</th><th scope="col" class="wide">By minute</th><th scope="col" class="wide">Last error</th>${mayChange && html`<th scope="col">Change</th>`}</tr></thead>
      <tbody>${endpoints.flatMap((e) => e.forwards.map((f) => {
        const [state, words] = forwardState(f);
        return html`<tr key=${f.destination}>
          <th scope="row"><a data-open href=${link("events", { endpoint: e.name, forward: f.name })}><${Foreign} text=${f.destination} /></a></th>
          <td><${State} state=${state}>${words}<//></td>
          <td class="n">${f.waiting}</td><td class="wide"><${When} at=${f.oldest} /></td><td class="n">${f.dead_letters}</td>
          <td class="wide">${took(f.latency)}</td><td class="n wide">${count(f.recent.failed)}</td>
          <td class="wide"><${Spark} good=${f.recent.delivered_by_minute} bad=${f.recent.failed_by_minute} words=${`${count(f.recent.delivered)} delivered, ${count(f.recent.failed)} failed in the last hour`} /></td>
          <td class="wide">${f.last_error ? html`<${Foreign} text=${f.last_error} max=${80} />, <${When} at=${f.last_failure} />` : "-"}</td>
          ${mayChange && html`<td><${Pause} forward=${f} endpoint=${e.name} reload=${reload} /> <${Probe} forward=${f} endpoint=${e.name} reload=${reload} /></td>`}</tr>`;
      }))}</tbody>
    </table>
    <p class="quiet">${s.location ? html`Store <${Foreign} text=${s.location} />: backlog` : "Backlog"} ${bytes(s.backlog_bytes)}${s.backlog_limit_bytes ? " of " + bytes(s.backlog_limit_bytes) : ""}${s.retained_bytes != null ? ", " + bytes(s.retained_bytes) + " of ended events" : ""}${s.dedupe_keys != null ? ", " + plural(s.dedupe_keys, "dedupe key", "dedupe keys") : ""}. The process started <${When} at=${status.since} />. Half of the requests or attempts took at most p50, 95 % at most p95.</p>`;
}
