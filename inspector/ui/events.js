// The page Events: a list with filters, a selection, and redelivery of many.
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { get, part, post } from "./api.js";
import { ago, plural, printable } from "./text.js";
import { Confirm, Foreign, Problem, State, When, heldWords, useLoad, whyWords } from "./parts.js";
import { go, link } from "./route.js";

const states = ["waiting", "delivered", "dead_letter", "cancelled", "unrouted"];
const words = (state) => state.replaceAll("_", " ");

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
      <option value="" selected=${!form.state}>all</option>${states.map((s) => html`<option value=${s} selected=${s === form.state}>${words(s)}</option>`)}</select></label>
    ${field("type", "Type", "payment.*")}${field("event_id", "Event ID", "evt_…")}${field("since", "Since", "2h")}${field("until", "Until", "10m")}
    <button type="submit">Show</button> <a class="button" href=${link("events")}>Clear</a>
  </form>`;
}

// total counts the selection of a filter, until then. It stops at a million.
async function total(filter) {
  let n = 0, after, until = filter.until;
  for (let i = 0; i < 10; i++) {
    const done = await post("count", { filter: { ...filter, until }, after });
    n += done.matched;
    until ??= done.until;
    after = done.next;
    if (!after) break;
  }
  return { n, more: Boolean(after), until };
}

// useBulk redelivers the selection of a filter piece by piece, and then watches it until
// nothing of it waits. The events are those before its beginning, so the sums are exact.
function useBulk() {
  const [run, setRun] = useState(null);
  const stop = useRef(false);
  const gone = useRef(false);
  useEffect(() => () => { gone.current = stop.current = true; }, []);
  const show = (change) => { if (!gone.current) setRun((was) => ({ ...was, ...change })); };
  const start = async (filter, count) => {
    stop.current = false;
    setRun({ of: count, phase: "redelivering", done: 0, skipped: {}, waiting: null });
    try {
      const before = await total({ ...filter, state: "all" });
      const those = { ...filter, until: before.until };
      const had = (await total({ ...those, state: "delivered" })).n;
      let after, done = 0;
      const skipped = {}, held = {};
      do {
        const piece = await post("redeliver", { filter: those, after, limit: 200 });
        done += piece.changed;
        for (const [why, n] of Object.entries(piece.skipped_by ?? {})) skipped[why] = (skipped[why] ?? 0) + n;
        Object.assign(held, piece.held);
        after = piece.next;
        show({ done, skipped, held });
      } while (after && !stop.current);
      show({ phase: "watching" });
      for (let waiting = 1; waiting > 0 && !stop.current; ) {
        waiting = (await total({ ...those, state: "waiting" })).n;
        const delivered = (await total({ ...those, state: "delivered" })).n - had;
        show({ waiting, delivered });
        if (waiting > 0) await new Promise((wake) => setTimeout(wake, 500));
      }
      show({ phase: stop.current ? "stopped" : "ended" });
    } catch (error) {
      show({ phase: "failed", error });
    }
  };
  return [run, start, () => { stop.current = true; }];
}

function Bulk({ run, stop }) {
  if (!run) return null;
  const skipped = Object.entries(run.skipped).map(([why, n]) => `${n} ${why}`).join(", ");
  const moving = run.phase === "redelivering" || run.phase === "watching";
  return html`<section class="bulk" aria-label="Redelivery">
    <progress aria-label="Redelivery" max=${run.of} value=${run.phase === "redelivering" ? run.done : Math.max(0, run.of - (run.waiting ?? run.of))}></progress>
    <p role="status" data-phase=${run.phase}>${run.phase === "redelivering" ? `Redelivering: ${run.done} of ${run.of}.`
      : `${plural(run.done, "delivery was", "deliveries were")} made due. ${run.waiting == null ? "" : `${run.delivered} delivered since, ${run.waiting} wait.`}`}
      ${skipped && ` Left alone: ${skipped}.`}${moving && printable(heldWords(run.held))}${run.phase === "ended" && " Done."}${run.phase === "stopped" && " Stopped; deliveries that are due go on."}</p>
    <${Problem} error=${run.error} />
    ${moving && html`<button type="button" onClick=${stop}>${run.phase === "watching" ? "Stop watching" : "Stop"}</button>`}
  </section>`;
}

// useSelection is the set of selected messages and a redelivery of them one by one.
function useSelection(reload) {
  const [chosen, setChosen] = useState(new Set());
  const [said, setSaid] = useState(null);
  const toggle = (id) => setChosen((was) => {
    const next = new Set(was);
    if (!next.delete(id)) next.add(id);
    return next;
  });
  const redeliver = async () => {
    let done = 0;
    const failed = [];
    for (const id of chosen) {
      setSaid(`Redelivering ${done + 1} of ${chosen.size} …`);
      try {
        await post("messages/" + part(id) + "/redeliver", {});
        done++;
      } catch (error) {
        failed.push(error.message);
      }
    }
    setSaid(plural(done, "event", "events") + " redelivered." + (failed.length ? ` ${failed.length} not: ${failed[0]}` : ""));
    setChosen(new Set());
    reload();
  };
  return { chosen, setChosen, toggle, redeliver, said };
}

export function Events({ query, mayChange }) {
  const { after, ...rest } = query;
  const filter = filterOf(rest);
  const [endpoints] = useLoad(async () => (await get("endpoints")).endpoints, [], 0);
  const [page, error, reload] = useLoad(() => get("messages", { ...filter, after, limit: 50 }), [JSON.stringify(query)], after ? 0 : 5000);
  const [run, start, stop] = useBulk();
  const { chosen, setChosen, toggle, redeliver, said } = useSelection(reload);
  const [count, setCount] = useState(null);
  const bulk = filter.state && filter.state !== "delivered" ? filter : null;
  useEffect(() => {
    let gone = false;
    setCount(null);
    if (bulk && mayChange) total(bulk).then((n) => { if (!gone) setCount(n); }, () => {});
    return () => { gone = true; };
  }, [JSON.stringify(bulk), run?.phase, page?.messages.length]);
  const messages = page?.messages ?? [];
  const all = messages.length > 0 && messages.every((m) => chosen.has(m.id));
  return html`<h1 tabindex="-1">Events</h1>
    <${Filters} query=${rest} endpoints=${endpoints ?? []} />
    <${Problem} error=${error} />
    <${Bulk} run=${run} stop=${stop} />
    ${mayChange && html`<p class="row">
      <${Confirm} button=${`Redeliver selected (${chosen.size})`} disabled=${chosen.size === 0} title="Redeliver the selected events" count=${1} f=${redeliver}
        text="The deliveries of these events that were not delivered are made once more. Where all were delivered, all are." />
      ${bulk && count && count.n > 0 && html`<${Confirm} button=${`Redeliver all ${count.n}${count.more ? "+" : ""} ${words(bulk.state)}`} title="Redeliver all that match" count=${count.n} f=${() => start(bulk, count.n)}
        text=${`${plural(count.n, "delivery is", "deliveries are")} made once more at once, with the attempts so far forgotten. Events that arrive from now on are left alone.`} />`}
      <span role="status">${said}</span></p>`}
    ${page && (messages.length === 0 ? html`<p>${printable(page.note || "Nothing matches.")}</p>` : html`<table class="list" aria-label="Events, the newest first">
      <thead><tr>${mayChange && html`<th scope="col"><input type="checkbox" aria-label="Select all on this page" checked=${all} onChange=${() => setChosen(all ? new Set() : new Set(messages.map((m) => m.id)))} /></th>`}
        <th scope="col">Received</th><th scope="col">Endpoint</th><th scope="col">Event</th><th scope="col">Deliveries</th></tr></thead>
      <tbody>${messages.map((m) => html`<tr key=${m.id}>
        ${mayChange && html`<td><input type="checkbox" data-select aria-label=${"Select event " + printable(m.event_id || m.id)} checked=${chosen.has(m.id)} onChange=${() => toggle(m.id)} /></td>`}
        <td><a data-open href=${link("event", { id: m.id })}><${When} at=${m.received_at} /></a></td>
        <td><${Foreign} text=${m.endpoint} /></td>
        <td><${Foreign} text=${m.event_type || "-"} max=${80} /><br /><span class="quiet"><${Foreign} text=${m.event_id || "without an ID"} max=${80} /></span></td>
        <td>${m.deliveries.map((d) => html`<div>${d.destination !== m.endpoint && html`<${Foreign} text=${d.destination} />: `}<${DeliveryWord} d=${d} /> ${lastOf(d)}</div>`)}</td></tr>`)}</tbody>
    </table>`)}
    <p class="row">${after && html`<a class="button" href=${link("events", rest)}>First page</a>`}
      ${page?.next && html`<a class="button" href=${link("events", { ...rest, after: page.next })}>Next page</a>`}</p>`;
}
