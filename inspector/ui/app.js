// The inspector: the frame around the pages, the keyboard and the focus.
import { h, html, render, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { get, listen, watchStream } from "./api.js";
import { printable } from "./text.js";
import { Problem } from "./parts.js";
import { go, here, link } from "./route.js";
import { Overview } from "./overview.js";
import { Events } from "./events.js";
import { Event } from "./event.js";
import { Endpoint } from "./endpoint.js";
import { Live } from "./live.js";
import { Refused, RefusedRequest } from "./refused.js";

const pages = {
  overview: { view: Overview, title: "Overview", key: "o" },
  refused: { view: Refused, title: "Refused", key: "r" },
  events: { view: Events, title: "Events", key: "e" },
  event: { view: Event, title: "Event" },
  endpoint: { view: Endpoint, title: "Endpoint" },
  "refused-request": { view: RefusedRequest, title: "Refused request" },
  live: { view: Live, title: "Live", key: "l" },
};

const menu = Object.entries(pages).filter(([, p]) => p.key);

function NotFound({ page }) {
  return html`<h1 tabindex="-1">There is no such page</h1><p>${printable(page)} is unknown. <a href=${link("overview")}>Overview</a></p>`;
}

// search opens what a person looks for: a message by its ID, else an event by its own.
function search(text) {
  text = text.trim();
  if (/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(text)) go(link("event", { id: text.toLowerCase() }));
  else if (text) go(link("events", { event_id: text }));
}

const off = "keyboard-off"; // in the browser's storage, where a person wants no keys

// move puts the focus on the next or previous line that can be opened.
function move(step) {
  const lines = Array.from(document.querySelectorAll("main [data-open]"));
  if (lines.length === 0) return;
  const at = lines.findIndex((l) => l === document.activeElement || l.closest("tr, li")?.contains(document.activeElement) && l.closest("tr, li"));
  const next = lines[at < 0 ? (step > 0 ? 0 : lines.length - 1) : Math.max(0, Math.min(lines.length - 1, at + step))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

function onKey(event, help) {
  if (event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem(off)) return;
  if (event.target.closest("input, select, textarea, dialog")) {
    if (event.key === "Escape" && event.target.matches("input")) event.target.blur();
    if (event.target.type !== "checkbox") return;
  }
  const page = menu.find(([, p]) => p.key === event.key);
  const actions = {
    j: () => move(1), k: () => move(-1), "?": help,
    "/": () => document.getElementById("search").focus(),
    x: () => document.activeElement.closest("tr")?.querySelector("[data-select]")?.click(),
  };
  const act = page ? () => go(link(page[0])) : actions[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

function Help({ dialog }) {
  const [keys, setKeys] = useState(!localStorage.getItem(off));
  const set = (on) => {
    setKeys(on);
    if (on) localStorage.removeItem(off); else localStorage.setItem(off, "1");
  };
  const rows = [...menu.map(([, p]) => [p.key, p.title]), ["/", "Search"], ["j, k", "Next and previous line"], ["Enter", "Open the line"], ["x", "Select the line"], ["Esc", "Close, or leave a field"], ["?", "This help"]];
  return html`<dialog ref=${dialog} aria-labelledby="help"><h2 id="help">Keys</h2>
    <table><tbody>${rows.map(([key, does]) => html`<tr><th scope="row"><kbd>${key}</kbd></th><td>${does}</td></tr>`)}</tbody></table>
    <p><label><input type="checkbox" checked=${keys} onChange=${(e) => set(e.target.checked)} /> Use these keys</label></p>
    <form method="dialog"><button type="submit">Close</button></form></dialog>`;
}

function App() {
  const [at, setAt] = useState(here());
  const [stream, setStream] = useState("connecting");
  const [session, setSession] = useState(null);
  const [problem, setProblem] = useState(null);
  const dialog = useRef(null);
  const first = useRef(true);
  useEffect(() => {
    const changed = () => setAt(here());
    const help = () => dialog.current.showModal();
    const key = (event) => onKey(event, help);
    addEventListener("hashchange", changed);
    addEventListener("keydown", key);
    const ends = [listen(() => {}), watchStream(setStream)];
    get("session").then(setSession, setProblem);
    return () => { removeEventListener("hashchange", changed); removeEventListener("keydown", key); ends.forEach((end) => end()); };
  }, []);
  const page = pages[at.page];
  // A reader who sees some endpoints only lists the events of one at a time.
  const query = at.page === "events" && session?.endpoints && !at.query.endpoint ? { endpoint: session.endpoints[0], ...at.query } : at.query;
  const place = at.page + (at.query.id ?? at.query.name ?? "");
  useEffect(() => {
    document.title = (page?.title ?? "Not found") + " · Webhook gateway";
    if (first.current) { first.current = false; return; }
    document.querySelector("main h1")?.focus();
    scrollTo(0, 0);
  }, [place]);
  return html`<a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); document.querySelector("main h1")?.focus(); }}>To the content</a>
    <header>
      <nav aria-label="Pages">${menu.map(([name, p]) => html`<a href=${link(name)} aria-current=${at.page === name ? "page" : undefined}>${p.title}</a>`)}</nav>
      <form role="search" onSubmit=${(e) => { e.preventDefault(); search(e.target.elements.q.value); }}>
        <input id="search" name="q" type="search" aria-label="Search by event ID or message ID" placeholder="Event or message ID" autocomplete="off" spellcheck=${false} />
      </form>
      <span id="stream" role="status" class=${stream === "live" ? "good" : "warn"}>${stream}</span>
      ${session?.by && html`<span class="by"><bdi>${printable(session.by)}</bdi>${session.readonly ? ", may only look" : ""}</span>`}
      <button type="button" aria-label="Help with keys" onClick=${() => dialog.current.showModal()}>?</button>
    </header>
    <main id="main"><${Problem} error=${problem} />
      ${(session || problem) && h(page ? page.view : NotFound, { key: place, page: at.page, query, mayChange: Boolean(session && !session.readonly) })}</main>
    <${Help} dialog=${dialog} />`;
}

render(h(App), document.body);
