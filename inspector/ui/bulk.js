// Work on many events: the question before it, its pieces, and its progress.
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { part, post } from "./api.js";
import { plural, printable, spaced } from "./text.js";
import { Problem, heldWords } from "./parts.js";

const pieceSize = 200;

// verbs are the operations on deliveries: from which states, and what they mean to the
// person who confirms them. With loss, the person types the number even if it is 1.
export const verbs = {
  redeliver: {
    word: "Redeliver", doing: "Redelivering", done: "made due", from: ["waiting", "dead_letter", "cancelled", "unrouted"],
    many: (ask) => post("redeliver", ask),
    means: () => "The deliveries are made once more at once, with the attempts so far forgotten.",
  },
  cancel: {
    word: "Cancel", doing: "Cancelling", done: "cancelled", from: ["waiting"], loss: true,
    many: (ask) => post("cancel", ask),
    means: () => "The upstream does not get them, unless they are redelivered before their retention is over.",
  },
  bury: {
    word: "Bury", doing: "Burying", done: "made dead letters", from: ["waiting"],
    many: (ask) => post("bury", ask),
    means: () => "They become dead letters before their last attempt, and are kept until someone redelivers or purges them.",
  },
  purge: {
    word: "Purge", doing: "Purging", done: "purged", from: ["waiting", "delivered", "dead_letter", "cancelled", "unrouted"], loss: true,
    many: (ask) => post("purge", ask),
    means: (state) => `They are removed for good${state === "delivered" ? "" : state ? ", although they have not been delivered" : ", also those that have not been delivered"}. This cannot be undone. An event goes with its last delivery; if its sender sends it again, it is dropped as a duplicate.`,
  },
};

// reasons say why a delivery was left alone.
const reasons = {
  busy: "an attempt is under way", state: "the state has changed", gone: "it is not there any more", nowhere: "it matches no forward",
  orphaned: "the configuration does not have its forward", damaged: "it cannot be read",
};
const reasonOf = (why) => reasons[why] ?? why;

// total counts the selection of a filter, until then. It stops at a million. The answer's
// time is not relative, so that later calls select nothing that came meanwhile.
export async function total(filter) {
  let n = 0, after, until = filter.until;
  for (let i = 0; i < 10; i++) {
    const done = await post("count", { filter: { ...filter, until }, after });
    n += done.matched;
    until = done.until;
    after = done.next;
    if (!after) break;
  }
  return { n, more: Boolean(after), until };
}

// A plan is an operation on the selection of a filter, or on the events with these IDs.
// labelOf is the name of its button.
export function labelOf({ verb, filter, ids }, count) {
  return verbs[verb].word + (ids ? ` selected (${ids.length})` : count ? ` all ${count.n}${count.more ? "+" : ""} ${spaced(filter.state)}` : "");
}

// textOf says in the question what the plan does.
function textOf({ verb, filter, ids }, count) {
  const { means } = verbs[verb];
  if (!ids) return `${plural(count.n, "delivery", "deliveries")}${count.more ? " or more" : ""} (${spaced(filter.state)}). ${means(filter.state)} Events that arrive from now on are left alone.`;
  const to = filter.forward === undefined ? "" : filter.forward === "" ? " to the forward without a name" : ` to ${filter.forward}`;
  const which = verb === "redeliver" ? (to ? "The deliveries" : "The deliveries that were not delivered, or all if all were,")
    : verb !== "purge" ? "The waiting deliveries" : filter.state ? `The deliveries in the state ${spaced(filter.state)}` : "All deliveries";
  return `${which} of ${plural(ids.length, "event", "events")}${to}. ${means(filter.state)}`;
}

// Ask asks before a plan is carried out. Its count is taken when the dialog opens, and
// begin gets the count that the person has confirmed.
export function Ask({ plan, begin, close }) {
  const dialog = useRef(null);
  const [typed, setTyped] = useState("");
  const [count, setCount] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    let gone = false;
    if (plan.ids) setCount({ n: plan.ids.length });
    else total(plan.filter).then((c) => { if (!gone) setCount(c); }, (e) => { if (!gone) setError(e); });
    dialog.current.showModal();
    return () => { gone = true; };
  }, [plan]);
  const { loss } = verbs[plan.verb];
  const type = loss || (!plan.ids && count?.n !== 1);
  const sure = count?.n > 0 && (!type || typed.trim() === String(count.n));
  const title = verbs[plan.verb].word + (plan.ids ? " the selected events" : " all that match");
  const submit = (e) => {
    if (!sure) { e.preventDefault(); return; }
    begin(plan, count);
  };
  return html`<dialog ref=${dialog} aria-labelledby="ask" onClose=${close}>
    <form method="dialog" onSubmit=${submit}>
      <h2 id="ask">${title}</h2>
      <${Problem} error=${error} />
      <p role="status">${error ? "" : !count ? "Counting …" : count.n === 0 ? "Nothing matches any more." : printable(textOf(plan, count))}</p>
      ${type && html`<label>Type ${count?.n ?? "the number"} to confirm <input value=${typed} inputmode="numeric" autocomplete="off" onInput=${(e) => setTyped(e.target.value)} /></label>`}
      <p class="row"><button type="submit" disabled=${!sure}>${labelOf(plan, count)}</button>
        <button type="button" onClick=${() => dialog.current.close()}>Back</button></p>
    </form>
  </dialog>`;
}

// one deals with one selected event. Redelivery without a forward decides by the event
// which of its deliveries are made again; the others select by state.
async function one({ verb, filter: { endpoint, forward, state } }, id) {
  if (verb === "redeliver") {
    const done = await post("messages/" + part(id) + "/redeliver", { forward });
    const skipped = {};
    for (const why of Object.values(done.skipped ?? {})) skipped[why] = (skipped[why] ?? 0) + 1;
    return { changed: done.destinations.length, skipped, held: done.held };
  }
  const states = verb === "purge" ? state ?? "all" : "waiting";
  const done = await verbs[verb].many({ filter: { id, endpoint, forward, state: states } });
  return { changed: done.changed, skipped: done.matched > 0 ? done.skipped_by : { state: 1 } };
}

// pieces carries out a plan and yields what each piece has done.
async function* pieces(plan, until) {
  for (const id of plan.ids ?? []) {
    try {
      yield { seen: 1, ...await one(plan, id) };
    } catch (error) {
      yield { seen: 1, changed: 0, error };
    }
  }
  if (plan.ids) return;
  const filter = { ...plan.filter, until };
  let after;
  do {
    const done = await verbs[plan.verb].many({ filter, after, limit: pieceSize });
    yield { seen: done.matched, changed: done.changed, skipped: done.skipped_by, held: done.held };
    after = done.next;
  } while (after);
}

// useBulk carries out one plan at a time and shows its progress. A redelivery of all that
// match is then watched until nothing of it waits. changed gets the IDs that have been
// dealt with. A reload of the page ends the work with the piece that is under way, and
// only a person begins it again.
export function useBulk(changed) {
  const [run, setRun] = useState(null);
  const stop = useRef(false);
  const gone = useRef(false);
  useEffect(() => () => { gone.current = stop.current = true; }, []);
  const show = (change) => { if (!gone.current) setRun((was) => ({ ...was, ...change })); };
  const work = async (plan, count) => {
    const those = { ...plan.filter, until: count.until };
    const watched = plan.verb === "redeliver" && !plan.ids;
    if (!plan.ids) {
      const now = await total(those);
      if (now.n > count.n) { show({ phase: "changed", matching: now.n }); return; }
    }
    const had = watched ? (await total({ ...those, state: "delivered" })).n : 0;
    let seen = 0, done = 0;
    const skipped = {}, held = {}, failed = [];
    for await (const piece of pieces(plan, count.until)) {
      seen += piece.seen;
      done += piece.changed;
      if (!gone.current) changed(plan.ids?.slice(0, seen) ?? []);
      for (const [why, n] of Object.entries(piece.skipped ?? {})) skipped[why] = (skipped[why] ?? 0) + n;
      Object.assign(held, piece.held);
      if (piece.error) failed.push(piece.error);
      show({ seen, done, skipped, held, failed });
      if (stop.current) break;
    }
    if (watched && !stop.current) {
      show({ phase: "watching" });
      for (let waiting = 1; waiting > 0 && !stop.current; ) {
        waiting = (await total({ ...those, state: "waiting" })).n;
        const delivered = (await total({ ...those, state: "delivered" })).n - had;
        show({ waiting, delivered });
        if (waiting > 0) await new Promise((wake) => setTimeout(wake, 500));
      }
    } else if (!plan.ids) {
      show({ left: (await total(those)).n });
    }
    show({ phase: stop.current ? "stopped" : "ended" });
  };
  const start = async (plan, count) => {
    stop.current = false;
    setRun({ plan, of: count.n, phase: "working", seen: 0, done: 0, skipped: {}, held: {}, failed: [], waiting: null });
    try {
      await work(plan, count);
    } catch (error) {
      show({ phase: "failed", error });
    }
  };
  const moving = run?.phase === "working" || run?.phase === "watching";
  return { run, moving, start, stop: () => { stop.current = true; } };
}

function progressOf({ phase, plan, of, seen, done, waiting, delivered, left, matching }) {
  const { doing, done: ended } = verbs[plan.verb];
  if (phase === "working") return `${doing}: ${seen} of ${of}.`;
  if (phase === "changed") return `${matching} match now, more than the ${of} that were confirmed. Nothing was done.`;
  return `${plural(done, "delivery was", "deliveries were")} ${ended}.${waiting == null ? "" : ` ${delivered} delivered since, ${waiting} wait.`}${left ? ` ${left} match still.` : ""}`;
}

export function Bulk({ run, moving, stop }) {
  const box = useRef(null);
  useEffect(() => box.current?.focus(), [run?.plan]); // the button that began it is off now
  if (!run) return null;
  const { phase, plan, of, seen, waiting, failed } = run;
  const skipped = Object.entries(run.skipped).map(([why, n]) => `${n}, ${reasonOf(why)}`).join("; ");
  const value = phase === "watching" || waiting != null ? Math.max(0, of - (waiting ?? of)) : seen;
  const name = verbs[plan.verb].doing;
  return html`<section class="bulk" ref=${box} tabindex="-1" aria-label=${name}>
    ${phase !== "changed" && html`<progress aria-label=${name} max=${of} value=${Math.min(of, value)}></progress>`}
    <p role="status" data-phase=${phase}>${progressOf(run)}
      ${skipped && ` Left alone: ${printable(skipped)}.`}${failed.length > 0 && ` Failed: ${failed.length}. ${printable(failed[0].message)}`}
      ${moving && printable(heldWords(run.held))}${phase === "ended" && " Done."}${phase === "stopped" && (plan.verb === "redeliver" ? " Stopped; deliveries that are due go on." : " Stopped.")}</p>
    <${Problem} error=${run.error} />
    ${moving && html`<button type="button" onClick=${stop}>${phase === "watching" ? "Stop watching" : "Stop"}</button>`}
  </section>`;
}
