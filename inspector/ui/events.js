// The page Events: a list with filters, a selection, and work on many events.
import { html, useEffect, useState } from "./vendor/preact-htm.js";
import { get } from "./api.js";
import { ago, plural, printable, spaced } from "./text.js";
import { Foreign, Problem, State, When, useLoad, whyWords } from "./parts.js";
import { Ask, Bulk, labelOf, total, useBulk, verbs } from "./bulk.js";
import { go, link } from "./route.js";

const states = ["waiting", "delivered", "dead_letter", "cancelled", "unrouted"];

// filterOf is the filter of the API for the query of the page's address.
export function filterOf(query) {
  const filter = {};
  for (const name of ["endpoint", "state", "type", "event_id", "since", "until"]) if (query[name]) filter[name] = query[name];
  if (query.endpoint && query.forward !== undefined) filter.forward = query.forward;
  return filter;
}

// DeliveryWord is where one delivery stands.
export function DeliveryWord({ d }) {
  if (d.damaged) return html`<${State} state="damaged" />`;
  if (d.claimed) return html`<${State} state="claimed">under way<//>`;
  if (d.state === "waiting" && d.why) return html`<${State} state="waiting">waiting: <${Foreign} text=${whyWords(d.why)} /><//>`;
  if (d.state === "waiting") return html`<${State} state="waiting">waiting${d.next ? ", due " + ago(d.next) : ""}<//>`;
  return html`<${State} state=${d.state || "unknown"} />`;
}

function lastOf(d) {
  const a = d.last_attempt;
  if (!a || !a.failure) return null;
  return html`<span class="quiet">${plural(d.attempts, "attempt", "attempts")}, last: <${Foreign} text=${a.status ? "status " + a.status : a.error || a.failure} max=${60} /></span>`;
}

function Filters({ query, endpoints }) {
  const [form, setForm] = useState(query);
  useEffect(() => setForm(query), [JSON.stringify(query)]);
  const set = (name) => (e) => setForm({ ...form, [name]: e.target.value });
  const chosen = endpoints.find((e) => e.name === form.endpoint);
  const submit = (e) => {
    e.preventDefault();
    const next = filterOf({ ...form, forward: form.forward === "*" ? undefined : form.forward });
    if (chosen && form.forward !== undefined && form.forward !== "*") next.forward = form.forward;
    go(link("events", next));
  };
  const field = (name, label, hint) => html`<label>${label} <input name=${name} value=${form[name] ?? ""} placeholder=${hint} onInput=${set(name)} autocomplete="off" spellcheck=${false} /></label>`;
  return html`<form class="filters" aria-label="Filters" onSubmit=${submit}>
    <label>Endpoint <select name="endpoint" value=${form.endpoint ?? ""} onChange=${(e) => setForm({ ...form, endpoint: e.target.value, forward: undefined })}>
      <option value="">all</option>${endpoints.map((e) => html`<option value=${e.name} selected=${e.name === form.endpoint}>${printable(e.name)}</option>`)}</select></label>
    ${chosen && chosen.forwards.length > 1 && html`<label>Forward <select name="forward" onChange=${set("forward")}>
      <option value="*" selected=${form.forward === undefined}>all</option>
      ${chosen.forwards.map((f) => html`<option value=${f.name} selected=${f.name === form.forward}>${f.name === "" ? "without a name" : printable(f.name)}</option>`)}</select></label>`}
    <label>State <select name="state" onChange=${set("state")}>
      <option value="" selected=${!form.state}>all</option>${states.map((s) => html`<option value=${s} selected=${s === form.state}>${spaced(s)}</option>`)}</select></label>
    ${field("type", "Type", "payment.*")}${field("event_id", "Event ID", "evt_…")}${field("since", "Since", "2h")}${field("until", "Until", "10m")}
    <button type="submit">Show</button> <a class="button" href=${link("events")}>Clear</a>
  </form>`;
}

// useSelection is the set of selected messages. It is that of one filter: under another
// one, nobody would see what is selected.
function useSelection(filter) {
  const [chosen, setChosen] = useState(new Set());
  useEffect(() => setChosen(new Set()), [filter]);
  const put = (ids, on) => setChosen((was) => {
    const next = new Set(was);
    for (const id of ids) if (on) next.add(id); else next.delete(id);
    return next;
  });
  return [chosen, put];
}

export function Events({ query, mayChange }) {
  const { after, ...rest } = query;
  const filter = filterOf(rest);
  const [endpoints] = useLoad(async () => (await get("endpoints")).endpoints, [], 0);
  const [page, error, reload] = useLoad(() => get("messages", { ...filter, after, limit: 50 }), [JSON.stringify(query)], after ? 0 : 5000);
  const [chosen, put] = useSelection(JSON.stringify(filter));
  const work = useBulk((ids) => { put(ids, false); reload(); });
  const [plan, setPlan] = useState(null);
  const [count, setCount] = useState(null);
  const verbsOf = (state) => (mayChange ? Object.keys(verbs).filter((verb) => verbs[verb].from.includes(state)) : []);
  const bulk = verbsOf(filter.state);
  useEffect(() => {
    let gone = false;
    setCount(null);
    if (bulk.length > 0) total(filter).then((n) => { if (!gone) setCount(n); }, () => {});
    return () => { gone = true; };
  }, [JSON.stringify(filter), work.run?.phase, page?.messages.length]);
  const messages = page?.messages ?? [];
  const all = messages.length > 0 && messages.every((m) => chosen.has(m.id));
  const button = (plan) => html`<button type="button" disabled=${work.moving} onClick=${() => setPlan(plan)}>${labelOf(plan, count)}</button>`;
  return html`<h1 tabindex="-1">Events</h1>
    <${Filters} query=${rest} endpoints=${endpoints ?? []} />
    <${Problem} error=${error} />
    <${Bulk} ...${work} />
    ${mayChange && html`<p class="row">${chosen.size === 0 ? html`<span class="quiet">Nothing is selected.</span>`
      : (states.includes(filter.state) ? bulk : Object.keys(verbs)).map((verb) => button({ verb, filter, ids: Array.from(chosen) }))}</p>
    ${count?.n > 0 && html`<p class="row">${bulk.map((verb) => button({ verb, filter }))}</p>`}`}
    ${plan && html`<${Ask} plan=${plan} begin=${work.start} close=${() => setPlan(null)} />`}
    ${page && (messages.length === 0 ? html`<p>${printable(page.note || "Nothing matches.")}</p>` : html`<table class="list" aria-label="Events, the newest first">
      <thead><tr>${mayChange && html`<th scope="col"><input type="checkbox" aria-label="Select all on this page" checked=${all} onChange=${() => put(messages.map((m) => m.id), !all)} /></th>`}
        <th scope="col">Received</th><th scope="col">Endpoint</th><th scope="col">Event</th><th scope="col">Deliveries</th></tr></thead>
      <tbody>${messages.map((m) => html`<tr key=${m.id}>
        ${mayChange && html`<td><input type="checkbox" data-select aria-label=${"Select event " + printable(m.event_id || m.id)} checked=${chosen.has(m.id)} onChange=${() => put([m.id], !chosen.has(m.id))} /></td>`}
        <td><a data-open href=${link("event", { id: m.id })}><${When} at=${m.received_at} /></a></td>
        <td><${Foreign} text=${m.endpoint} /></td>
        <td><${Foreign} text=${m.event_type || "-"} max=${80} /><br /><span class="quiet"><${Foreign} text=${m.event_id || "without an ID"} max=${80} /></span></td>
        <td>${m.deliveries.map((d) => html`<div>${d.destination !== m.endpoint && html`<${Foreign} text=${d.destination} />: `}<${DeliveryWord} d=${d} /> ${lastOf(d)}</div>`)}</td></tr>`)}</tbody>
    </table>`)}
    <p class="row">${after && html`<a class="button" href=${link("events", rest)}>First page</a>`}
      ${page?.next && html`<a class="button" href=${link("events", { ...rest, after: page.next })}>Next page</a>`}</p>`;
}
