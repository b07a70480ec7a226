// The page of one endpoint: its settings, counters and forwards.
import { html } from "./vendor/preact-htm.js";
import { get, part, post } from "./api.js";
import { bytes, plural, printable, short } from "./text.js";
import { Action, Foreign, Pause, Probe, Problem, State, When, forwardState, useLoad } from "./parts.js";
import { link } from "./route.js";

const kinds = {
  forward: "answers the sender first and delivers later",
  keep: "answers the sender, keeps the events and delivers none",
  pass: "the next handler answers the sender",
  orphaned: "not in the configuration; the store has deliveries of it",
};

function Counts({ title, counts }) {
  const rows = Object.entries(counts).filter(([, n]) => n > 0).sort();
  return rows.length > 0 && html`<tr><th scope="row">${title}</th><td>${rows.map(([name, n]) => `${n} ${name}`).join(", ")}</td></tr>`;
}

// Lines are those of the configuration, as they are in force.
const Lines = ({ settings }) => settings && html`<details><summary>Lines in force</summary>
  <table class="facts"><tbody>${settings.map((s) => html`<tr key=${s.name}><th scope="row"><${Foreign} text=${s.name} /></th><td><${Foreign} text=${s.value} /></td></tr>`)}</tbody></table></details>`;

// Test lets the gateway make an event of the endpoint itself.
const Test = ({ endpoint, reload }) => html`<${Action} title="The gateway makes an event as the provider would, signs it and handles it as any other. The app gets it." f=${async () => {
  const done = await post("endpoints/" + part(endpoint) + "/test");
  reload();
  return done.outcome + (done.reason ? ": " + done.reason : "") + (done.destinations ? ", to " + done.destinations.join(", ") : "") + ".";
}}>Send a test event<//>`;

export function Endpoint({ query, mayChange }) {
  const name = query.name ?? "";
  const [e, error, reload] = useLoad(() => get("endpoints/" + part(name)), [name]);
  return html`<h1 tabindex="-1">Endpoint <${Foreign} text=${name} /></h1>
    <${Problem} error=${error} />
    ${!e && !error && html`<p>Loading …</p>`}
    ${e && html`
    <p class="row"><a class="button" data-open href=${link("events", { endpoint: name })}>Events</a> <a class="button" data-open href=${link("refused", { endpoint: name })}>Refused</a> <a class="button" data-open href=${link("live", { endpoint: name })}>Live</a>
      ${mayChange && (e.kind === "forward" || e.kind === "keep") && html`<${Test} endpoint=${name} reload=${reload} />`}</p>
    <h2 id="settings">Settings and counts</h2>
    <table class="facts" aria-labelledby="settings"><tbody>
      <tr><th scope="row">Provider</th><td><${Foreign} text=${e.provider || "unknown"} /></td></tr>
      <tr><th scope="row">Kind</th><td>${kinds[e.kind] ?? e.kind}</td></tr>
      ${e.mode && html`<tr><th scope="row">Mode</th><td>${e.mode === "observe" ? "observe: nothing is refused" : e.mode}</td></tr>`}
      ${e.retention_seconds != null && html`<tr><th scope="row">Retention of ended events</th><td>${e.retention_seconds === 0 ? "none" : short(e.retention_seconds * 1000)}</td></tr>`}
      <tr><th scope="row">Backlog</th><td>${bytes(e.backlog_bytes)}${e.max_backlog_bytes ? " of " + bytes(e.max_backlog_bytes) : ""}, ${plural(e.waiting, "delivery waits", "deliveries wait")}${e.oldest ? html`, the oldest event is of <${When} at=${e.oldest} />` : ""}</td></tr>
      <${Counts} title="Requests" counts=${e.requests.outcomes} />
      <${Counts} title="Refused" counts=${e.requests.refused} />
      <${Counts} title="Would be refused" counts=${e.requests.observed} />
      <tr><th scope="row">Last accepted</th><td><${When} at=${e.requests.last_accepted} /></td></tr>
      <tr><th scope="row">Last refused</th><td><${When} at=${e.requests.last_refused} /></td></tr>
    </tbody></table>
    <${Lines} settings=${e.settings} />
    ${e.forwards.map((f) => {
      const [state, words] = forwardState(f);
      return html`<section key=${f.destination} aria-label=${"Forward " + printable(f.destination)}>
        <h2><${Foreign} text=${f.destination} />: <${State} state=${state}>${words}<//></h2>
        ${mayChange && html`<p class="row"><${Pause} forward=${f} endpoint=${name} reload=${reload} /> <${Probe} forward=${f} endpoint=${name} reload=${reload} /></p>`}
        <table class="facts"><tbody>
          <tr><th scope="row">Waiting</th><td>${f.waiting}${f.waiting > 0 ? html`, the oldest of <${When} at=${f.oldest} />` : ""}</td></tr>
          <tr><th scope="row">Under way</th><td>${f.claimed}${f.circuit ? ` of ${f.circuit.allowed} at once` : ""}</td></tr>
          <tr><th scope="row">Dead letters</th><td>${f.dead_letters > 0 ? html`<a data-open href=${link("events", { endpoint: name, forward: f.name, state: "dead_letter" })}>${f.dead_letters}</a>` : 0}</td></tr>
          <${Counts} title="Attempts" counts=${f.attempts} />
          <tr><th scope="row">Last success</th><td><${When} at=${f.last_success} /></td></tr>
          <tr><th scope="row">Last failure</th><td><${When} at=${f.last_failure} />${f.last_error && html`: <${Foreign} text=${f.last_error} />`}</td></tr>
          ${f.circuit?.error && html`<tr><th scope="row">Circuit opened by</th><td><${Foreign} text=${f.circuit.error} />, <${When} at=${f.circuit.since} /></td></tr>`}
        </tbody></table>
        <${Lines} settings=${f.settings} /></section>`;
    })}`}`;
}
