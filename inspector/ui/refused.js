// The pages of refused requests: the list, and one with the reason and what to do.
import { html, useState } from "./vendor/preact-htm.js";
import { get, part, post } from "./api.js";
import { bytes, clock, curl, plural, printable } from "./text.js";
import { Action, Body, Copy, Foreign, Problem, Request, State, When, useLoad } from "./parts.js";
import { go, link } from "./route.js";

// Judged says what the configuration of now makes of a request.
function Judged({ e }) {
  if (e.message_id) return html`<${State} state="accepted">accepted after all<//>`;
  const j = e.judged_again;
  if (!j) return html`<span class="quiet">not judged again</span>`;
  if (j.verified) return html`<${State} state="verified">verified now<//>`;
  if (j.impossible) return html`<${State} state="unknown">cannot be judged<//>`;
  return html`<${State} state="refused">still refused<//>`;
}

function Filters({ query, endpoints, reasons }) {
  const [form, setForm] = useState(query);
  const set = (name) => (e) => setForm({ ...form, [name]: e.target.value });
  const submit = (e) => {
    e.preventDefault();
    go(link("refused", Object.fromEntries(Object.entries(form).filter(([name, v]) => v && name !== "after"))));
  };
  const select = (name, label, options) => html`<label>${label} <select name=${name} onChange=${set(name)}>
    <option value="" selected=${!form[name]}>all</option>${options.map((o) => html`<option value=${o} selected=${o === form[name]}>${printable(o)}</option>`)}</select></label>`;
  return html`<form class="filters" aria-label="Filters" onSubmit=${submit}>
    ${select("endpoint", "Endpoint", endpoints)}${select("reason", "Reason", reasons)}
    <label>Client <input name="client" value=${form.client ?? ""} placeholder="192.0.2.0/24" onInput=${set("client")} autocomplete="off" /></label>
    <label>Since <input name="since" value=${form.since ?? ""} placeholder="2h" onInput=${set("since")} autocomplete="off" /></label>
    <button type="submit">Show</button> <a class="button" href=${link("refused")}>Clear</a></form>`;
}

// acceptAll accepts what the filter selects and is verified now, piece by piece.
async function acceptAll(filter, say) {
  let after, until = filter.until, changed = 0, skipped = 0;
  do {
    const done = await post("refused/accept", { filter: { ...filter, until }, after, limit: 50 });
    until = done.until;
    changed += done.changed;
    skipped += done.skipped;
    after = done.next;
    say(`${changed} accepted, ${skipped} left alone …`);
  } while (after);
  return `${plural(changed, "request was", "requests were")} accepted, ${skipped} left alone.`;
}

export function Refused({ query, mayChange }) {
  const { after, ...rest } = query;
  const filter = Object.fromEntries(["endpoint", "reason", "client", "since", "until"].filter((name) => rest[name]).map((name) => [name, rest[name]]));
  const [page, error, reload] = useLoad(() => get("refused", { ...filter, after, limit: 50 }), [JSON.stringify(query)], after ? 0 : 5000);
  const [endpoints] = useLoad(async () => (await get("endpoints")).endpoints, [], 0);
  const [progress, say] = useState("");
  const list = page?.refused ?? [];
  const reasons = Array.from(new Set((endpoints ?? []).flatMap((e) => [...Object.keys(e.requests.refused), ...Object.keys(e.requests.refused_last_hour ?? {})]).concat(list.map((e) => e.reason), query.reason ?? []))).sort();
  return html`<h1 tabindex="-1">Refused requests</h1>
    <${Filters} key=${JSON.stringify(rest)} query=${rest} endpoints=${(endpoints ?? []).map((e) => e.name)} reasons=${reasons} />
    <${Problem} error=${error} />
    ${mayChange && list.some((e) => e.judged_again?.verified && !e.message_id) && html`<p class="row">
      <${Action} f=${async () => { const said = await acceptAll(filter, say); say(said); reload(); return ""; }} title="Judges what the filter selects again, and accepts what is verified">Accept what is verified now<//>
      <span role="status">${progress}</span></p>`}
    ${!mayChange || list.some((e) => e.judged_again?.verified && !e.message_id) ? null : progress && html`<p role="status">${progress}</p>`}
    ${page && (list.length === 0 ? html`<p>${printable(page.note || "Nothing matches.")}</p>` : html`<table class="list" aria-label="Refused requests, the newest first">
      <thead><tr><th scope="col">Last</th><th scope="col">Endpoint</th><th scope="col">Reason</th><th scope="col">Now</th><th scope="col" class="n">Times</th><th scope="col" class="wide">Client</th></tr></thead>
      <tbody>${list.map((e) => html`<tr key=${e.id}>
        <td><a data-open href=${link("refused-request", { id: e.id })}><${When} at=${e.last_at} /></a></td>
        <td><${Foreign} text=${e.endpoint} /></td>
        <td><${State} state=${e.observed ? "observed" : "refused"}><${Foreign} text=${e.reason} /><//>${e.observed ? " (let through)" : ""}<br /><span class="quiet wide"><${Foreign} text=${e.detail || ""} max=${100} /></span></td>
        <td><${Judged} e=${e} /></td>
        <td class="n">${e.times}</td>
        <td class="wide"><${Foreign} text=${e.client_ip} /></td></tr>`)}</tbody></table>`)}
    <p class="row">${after && html`<a class="button" href=${link("refused", rest)}>First page</a>`}
      ${page?.next && html`<a class="button" href=${link("refused", { ...rest, after: page.next })}>Next page</a>`}</p>`;
}

// marks of the steps of the check, by their state.
const marks = { ok: ["delivered", "ok"], failed: ["refused", "failed"], unchecked: ["idle", "not checked"] };

function Steps({ steps }) {
  if (steps.length === 0) return null;
  return html`<h2 id="steps">The check, step by step</h2>
    <table class="facts" aria-labelledby="steps"><tbody>${steps.map((s) => {
      const [state, words] = marks[s.state] ?? ["idle", s.state];
      return html`<tr><th scope="row">${printable(s.name)}</th><td><${State} state=${state}>${words}<//></td><td><${Foreign} text=${s.text} /></td></tr>`;
    })}</tbody></table>`;
}

export function RefusedRequest({ query, mayChange }) {
  const path = "refused/" + part(query.id ?? "");
  const [e, error, reload] = useLoad(() => get(path), [path], 0);
  if (!e) return html`<h1 tabindex="-1">Refused request</h1><${Problem} error=${error} />${!error && html`<p>Loading …</p>`}`;
  const j = e.judged_again;
  const accept = async () => {
    const done = await post(path + "/accept", {});
    reload();
    return done.outcome === "accepted" ? "Accepted." : `It was dropped as ${done.outcome}: the event is known.`;
  };
  return html`<h1 tabindex="-1">Refused: <${Foreign} text=${e.reason} /></h1>
    <${Problem} error=${error} />
    <dl class="facts">
      <dt>Received</dt><dd>${clock(e.received_at)} (<${When} at=${e.received_at} />) from <${Foreign} text=${e.client_ip} />${e.times > 1 && html`, ${e.times} times, the last <${When} at=${e.last_at} />`}</dd>
      <dt>Endpoint</dt><dd><a href=${link("endpoint", { name: e.endpoint })}><${Foreign} text=${e.endpoint} /></a>, provider <${Foreign} text=${e.provider} /></dd>
      <dt>Answer</dt><dd>${e.observed ? "none of the gateway's: the endpoint observes, so the request was let through" : e.status ? "status " + e.status : "unknown"}</dd>
      ${e.detail && html`<dt>Detail</dt><dd><${Foreign} text=${e.detail} /></dd>`}
      ${(e.event_id || e.event_type) && html`<dt>Claims to be</dt><dd><${Foreign} text=${[e.event_type, e.event_id].filter(Boolean).join(", ")} /></dd>`}
      <dt>Now</dt><dd><${Judged} e=${e} />${j && !j.verified && !e.message_id && html`: <${Foreign} text=${j.impossible || [j.reason, j.detail].filter(Boolean).join(": ")} />`}
        ${e.message_id && html`${" "}<a href=${link("event", { id: e.message_id })}>the event</a>`}</dd>
    </dl>
    ${e.causes.length > 0 && html`<h2>Likely causes</h2><ul class="needs">${e.causes.map((c) => html`<li><${Foreign} text=${c} /></li>`)}</ul>`}
    <p class="row">${mayChange && !e.message_id && html`<${Action} f=${accept} disabled=${!j?.verified || e.observed} title="Judges the request again. It is accepted like any event if it is verified">Judge again and accept<//>`}
      <${Copy} text=${curl(e.request)}>Copy as curl<//>
      ${!e.request.truncated && html`<a class="button" href=${"api/" + path + "/wire"} download="request.http">Save for caddy webhook verify</a>`}</p>
    <${Steps} steps=${e.steps ?? []} />
    <${Request} request=${e.request} /><${Body} request=${e.request} />
    ${e.body_sha256 && html`<p class="quiet">SHA-256 of the whole body (${bytes(e.size)}): ${printable(e.body_sha256)}</p>`}`;
}
