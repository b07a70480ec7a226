// The page of one event: its request, its deliveries and their attempts side by side.
import { html, useState } from "./vendor/preact-htm.js";
import { get, part, post } from "./api.js";
import { bytes, clock, curl, plural, printable, short } from "./text.js";
import { Action, Body, Copy, Foreign, Problem, Request, State, When, heldWords, useLoad } from "./parts.js";
import { DeliveryWord } from "./events.js";
import { link } from "./route.js";

const few = 8; // attempts side by side, before a person asks for all

// Attempts shows attempts in columns, the newest first.
function Attempts({ d }) {
  const [all, setAll] = useState(false);
  if (d.history.length === 0) return html`<p class="quiet">No attempt has ended yet.</p>`;
  const shown = d.history.toReversed().slice(0, all ? undefined : few);
  const row = (name, f) => html`<tr><th scope="row">${name}</th>${shown.map((a) => html`<td>${f(a)}</td>`)}</tr>`;
  return html`<div class="box" tabindex="0" role="region" aria-label=${"Attempts of " + printable(d.destination)}>
    <table class="attempts">
      <thead><tr><th scope="col">Attempt</th>${shown.map((a) => html`<th scope="col">${a.number}</th>`)}</tr></thead>
      <tbody>
        ${row("At", (a) => html`<time datetime=${a.at}>${clock(a.at)}</time>`)}
        ${row("Took", (a) => short(a.duration_seconds * 1000))}
        ${row("Outcome", (a) => html`<${State} state=${a.failure ? "retry" : "delivered"}>${a.failure || "delivered"}${a.status ? ", status " + a.status : ""}<//>`)}
        ${row("Error", (a) => (a.error ? html`<${Foreign} text=${a.error} />` : "-"))}
        ${row("Answer", (a) => (a.excerpt ? html`<pre><bdi>${printable(a.excerpt, true)}</bdi></pre>` : "-"))}
      </tbody>
    </table></div>
    ${d.history.length > few && html`<p><button type="button" onClick=${() => setAll(!all)}>${all ? "Show the last " + few : "Show all " + d.history.length}</button></p>`}`;
}

export function Event({ query, mayChange }) {
  const path = "messages/" + part(query.id ?? "");
  const [m, error, reload] = useLoad(() => get(path), [path]);
  const redeliver = (ask) => async () => {
    const done = await post(path + "/redeliver", ask);
    reload();
    const skipped = Object.entries(done.skipped ?? {}).map(([to, why]) => `${to}: ${why}`).join("; ");
    return "Due now: " + (done.destinations.join(", ") || "nothing") + "." + heldWords(done.held) + (skipped ? " Left alone: " + skipped : "");
  };
  if (!m) return html`<h1 tabindex="-1">Event</h1><${Problem} error=${error} />${!error && html`<p>Loading …</p>`}`;
  const r = m.request;
  return html`<h1 tabindex="-1"><${Foreign} text=${m.event_type || "Event"} max=${120} /> <span class="quiet"><${Foreign} text=${m.event_id || ""} max=${120} /></span></h1>
    <${Problem} error=${error} />
    ${m.damaged && html`<${Problem} error=${"The message cannot be read: " + m.damaged} />`}
    <dl class="facts">
      <dt>Received</dt><dd>${clock(m.received_at)} (<${When} at=${m.received_at} />)${r && html` from <${Foreign} text=${r.client_ip || r.remote_addr} />${r.tls ? " over TLS" : ""}`}</dd>
      <dt>Endpoint</dt><dd><a href=${link("endpoint", { name: m.endpoint })}><${Foreign} text=${m.endpoint} /></a>${m.provider && html`, provider <${Foreign} text=${m.provider} />`}</dd>
      ${m.timestamp && html`<dt>Sender's time</dt><dd>${clock(m.timestamp)}</dd>`}
      <dt>Signed</dt><dd>${m.signed ? printable(m.signed) : "nothing"}</dd>
      ${m.trace_id && html`<dt>Trace</dt><dd>${printable(m.trace_id)}</dd>`}
      <dt>Message</dt><dd>${m.id}, ${bytes(m.size)} stored</dd>
    </dl>
    <p class="row">${mayChange && html`<${Action} f=${redeliver({})} title="The deliveries that were not delivered, or all if all were">Redeliver<//>`}
      ${r && html`<${Copy} text=${curl(r)}>Copy as curl<//>`}</p>
    ${m.deliveries.map((d) => html`<section aria-label=${"Delivery to " + printable(d.destination)}>
      <h2><${Foreign} text=${d.destination} />: <${DeliveryWord} d=${d} /></h2>
      <p class="row"><span>${plural(d.attempts, "attempt", "attempts")}${d.ended ? html`, ended <${When} at=${d.ended} />` : ""}${d.redelivered ? html`, redelivered <${When} at=${d.redelivered} />` : ""}${d.damaged ? ": " + printable(d.damaged) : ""}</span>
        ${mayChange && d.state !== "unrouted" && html`<${Action} f=${redeliver({ forward: d.forward })}>Redeliver to <${Foreign} text=${d.destination} /><//>`}</p>
      <${Attempts} d=${d} /></section>`)}
    ${r && html`<${Request} request=${r} /><${Body} request=${r} href=${"api/" + path + "/body"} />`}`;
}
