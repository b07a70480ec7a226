// Text for people: what senders and upstreams wrote, times, sizes, JSON, hex and curl.
// Everything here returns strings. They are put into the page as text, never as HTML.

const hidden = /[^\P{C}\n\t]|[\u2028\u2029\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u115f\u1160\u3164\uffa0\u2800]/u;
const hiddenAll = new RegExp(hidden, "gu");

// printable makes control, bidirectional and other invisible characters visible as
// escapes. Line breaks and tabs stay only in blocks of text.
export function printable(s, block = false) {
  s = String(s ?? "");
  if (!block) s = s.replace(/[\n\r\t]/g, (c) => ({ "\n": "\\n", "\r": "\\r", "\t": "\\t" })[c]);
  return hidden.test(s) ? s.replace(hiddenAll, escaped) : s;
}

function escaped(c) {
  const n = c.codePointAt(0);
  if (n < 0x100) return "\\x" + n.toString(16).padStart(2, "0");
  return n > 0xffff ? "\\U" + n.toString(16).padStart(8, "0") : "\\u" + n.toString(16).padStart(4, "0");
}

// cut shortens a text for a table.
export function cut(s, n) {
  s = printable(s);
  const letters = Array.from(s);
  return letters.length > n ? letters.slice(0, n - 1).join("") + "…" : s;
}

export const plural = (n, one, many) => (n === 1 ? "1 " + one : n.toLocaleString("en") + " " + many);

// spaced is a word of the API, such as dead_letter, for people.
export const spaced = (word) => word.replaceAll("_", " ");

// The gateway's clock may differ from the browser's.
let offset = 0;
export const setClock = (now) => { offset = Date.parse(now) - Date.now(); };
export const now = () => Date.now() + offset;

export function short(ms) {
  if (ms < 1) return "<1 ms";
  if (ms < 1000) return Math.floor(ms) + " ms";
  const s = Math.floor(ms / 1000);
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min";
  if (s < 48 * 3600) return Math.floor(s / 3600) + " h";
  return Math.floor(s / 86400) + " d";
}

export function ago(time) {
  if (!time) return "-";
  const ms = now() - Date.parse(time);
  if (ms < -1000) return "in " + short(-ms);
  return ms < 1000 ? "now" : short(ms) + " ago";
}

// clock is a local time with its date.
export function clock(time) {
  const t = new Date(time), two = (n) => String(n).padStart(2, "0");
  return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())} ${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
}

export function bytes(n) {
  if (n < 1024) return n + " B";
  let unit = -1;
  do { n /= 1024; unit++; } while (n >= 1024 && unit < 4);
  return (n < 10 ? n.toFixed(1) : Math.round(n)) + " " + ["KiB", "MiB", "GiB", "TiB", "PiB"][unit];
}

// bodyBytes are the bytes of a request's body as the API gives it.
export function bodyBytes(request) {
  if (request.encoding !== "base64") return new TextEncoder().encode(request.body);
  return Uint8Array.from(atob(request.body), (c) => c.charCodeAt(0));
}

export function hexdump(data) {
  const lines = [];
  for (let i = 0; i < data.length; i += 16) {
    const row = Array.from(data.subarray(i, i + 16));
    const hex = row.map((b) => b.toString(16).padStart(2, "0")).join(" ");
    const text = row.map((b) => (b > 0x1f && b < 0x7f ? String.fromCharCode(b) : ".")).join("");
    lines.push(`${i.toString(16).padStart(8, "0")}  ${hex.padEnd(47)}  ${text}`);
  }
  return lines.join("\n");
}

const token = /[ \t\n\r]*(?:("(?:[^"\\\u0000-\u001f]|\\.)*")|(-?\d[\d.eE+-]*)|(true|false|null)|([{}[\],:]))/y;

// layJSON lays JSON out with one member a line and returns its parts as [kind, text].
// It is read token by token and never parsed: large numbers, doubled members and escapes
// stay as they were sent. It returns null for what is not JSON.
export function layJSON(text) {
  const parts = [], open = [];
  let plain = "", depth = 0, before = "", due = "value";
  const put = (kind, s) => {
    if (plain) parts.push(["", plain]);
    plain = "";
    parts.push([kind, s]);
  };
  const line = () => { plain += "\n" + "  ".repeat(Math.min(depth, 40)); };
  token.lastIndex = 0;
  while (due !== "end") {
    const found = token.exec(text);
    if (!found) return null;
    const [, string, number, word, mark] = found;
    const inObject = open[open.length - 1] === "{";
    if (mark === "}" || mark === "]") {
      const began = mark === "}" ? "{" : "[";
      if (open.pop() !== began || (before !== began && due !== "after")) return null;
      depth--;
      if (before !== began) line();
      plain += mark;
      due = "after";
    } else if (due === "after") {
      if (mark !== "," || !open.length) return null;
      plain += ",";
      due = inObject ? "key" : "value";
    } else if (due === "colon") {
      if (mark !== ":") return null;
      plain += ": ";
      due = "value";
    } else {
      if (before === "{" || before === "[" || before === ",") line();
      if (due === "key") {
        if (string === undefined) return null;
        put("key", string);
        due = "colon";
      } else if (mark === "{" || mark === "[") {
        open.push(mark);
        depth++;
        plain += mark;
        due = mark === "{" ? "key" : "value";
      } else if (mark) {
        return null;
      } else {
        put(string !== undefined ? "string" : number !== undefined ? "number" : "word", string ?? number ?? word);
        due = "after";
      }
    }
    before = mark ?? "value";
    if (due === "after" && !open.length) due = "end";
  }
  if (text.slice(token.lastIndex).trim()) return null;
  if (plain) parts.push(["", plain]);
  return parts;
}

// quoted is a word for a shell. A text with characters that do not show is written with
// escapes, so that pasting it into a terminal runs nothing.
export function quoted(s) {
  if (/^[\w@%+=:,./-]+$/.test(s)) return s;
  if (!hidden.test(s) && !/[\n\t\ufffd]/.test(s)) return "'" + s.replaceAll("'", "'\\''") + "'";
  let out = "$'";
  for (const c of s) {
    if (c === "'" || c === "\\") out += "\\" + c;
    else if (c === "\n") out += "\\n";
    else if (c === "\t" || hidden.test(c)) for (const b of new TextEncoder().encode(c)) out += "\\x" + b.toString(16).padStart(2, "0");
    else out += c;
  }
  return out + "'";
}

// curl is the request as a command. A body that is not text, or not whole, is read from
// a file, which the page offers for saving.
export function curl(request) {
  const words = ["curl", "-g", "-X", quoted(request.method), quoted((request.tls ? "https://" : "http://") + request.host + request.uri)];
  const names = Object.keys(request.headers).sort();
  for (const name of names) {
    if (/^(content-length|host|connection|transfer-encoding|accept-encoding)$/i.test(name)) continue;
    for (const value of request.headers[name]) words.push("-H", quoted(value === "" ? name + ";" : name + ": " + value));
  }
  if (!names.some((name) => /^content-type$/i.test(name))) words.push("-H", "Content-Type:");
  if (request.encoding || request.truncated) words.push("--data-binary", "@body");
  else if (request.body) words.push("--data-raw", quoted(request.body));
  return words.join(" ");
}
