// The inspector in a browser. TestInspector in cmd/caddy starts a gateway, `caddy webhook
// ui` and a server by which these tests act on them, and then runs this file. The tests
// build upon one another, in their order.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const { UI, SITE, CONTROL, CHROMIUM } = process.env;
const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const patience = { timeout: 30_000 };

let browser, context, page;
const troubles = []; // dialogs, errors of scripts, and reports of the Content-Security-Policy

// open makes a context whose pages report what must not happen.
async function open(options = {}) {
  const made = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  made.on("page", (p) => {
    p.setDefaultTimeout(patience.timeout);
    p.on("pageerror", (error) => troubles.push("script: " + error.message));
    p.on("dialog", (dialog) => { troubles.push("dialog: " + dialog.message()); dialog.dismiss(); });
    p.on("console", (m) => { if (/Content Security Policy|Trusted/i.test(m.text())) troubles.push(m.text()); });
  });
  return made;
}

async function act(what, body = "") {
  const answer = await fetch(CONTROL + what, { method: "POST", body });
  const text = await answer.text();
  assert.equal(answer.status, 200, what + ": " + text);
  return text;
}

const event = (id, more = "") => `{"id":${JSON.stringify(id)},"type":"order.paid","created_at":"${new Date().toISOString()}"${more}}`;

async function go(hash, heading) {
  await page.goto(UI + hash);
  await page.locator("main h1", { hasText: heading }).waitFor();
}

before(async () => {
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  context = await open({ permissions: ["clipboard-read", "clipboard-write"] });
  page = await context.newPage();
});

after(() => browser?.close());

test("overview: what needs a person, endpoints, forwards, and the stream", async () => {
  await act("/upstream/fail");
  for (let i = 0; i < 5; i++) await act("/send", event("evt_" + i));
  await go("", "Overview");
  await page.locator(".needs li", { hasText: "5 dead letters in pay/billing" }).waitFor();
  await page.locator("table[aria-labelledby=endpoints]", { hasText: "pay" }).waitFor();
  await page.locator("#stream", { hasText: /^live$/ }).waitFor();
  // The last hour: 5 accepted at pay, and two attempts for each dead letter at billing.
  await page.getByRole("img", { name: "5 accepted, 0 refused in the last hour" }).waitFor();
  const failed = page.getByRole("img", { name: "0 delivered, 10 failed in the last hour" });
  assert.match(await failed.locator(".down").getAttribute("d"), /^M\d+ 16v7/);
  assert.equal(await failed.locator(".up").getAttribute("d"), "M0 16");
  await page.locator("table[aria-labelledby=forwards] tr", { hasText: "pay/billing" }).locator("td", { hasText: /^(<1|\d+) ms \/ (<1|\d+) m?s$/ }).waitFor();
});

const evil = "<img src=x onerror=alert(1)><script>alert(2)</script>";

test("hostile text is text, and JSON is shown as it was sent", async () => {
  await act("/send", `{"id":"evt_${evil}\\u202e","type":"${evil}\u202ex","created_at":"${new Date().toISOString()}","big":12345678901234567890,"twice":1,"twice":2}`);
  await go("#/events", "Events");
  const row = page.locator("tbody tr", { hasText: evil }).first();
  await row.waitFor();
  assert.match(await row.textContent(), /\\u202ex/);
  assert.doesNotMatch(await page.locator("main").textContent(), /\u202e/);
  await row.locator("a[data-open]").click();
  const body = page.locator("pre[aria-label='Body as JSON']");
  await body.waitFor();
  const text = await body.textContent();
  assert.match(text, /"big": 12345678901234567890/);
  assert.match(text, /"twice": 1,\n {2}"twice": 2/);
  assert.match(await page.locator(".attempts pre").first().textContent(), /down for <b>maintenance<\/b>/);
  assert.equal(await page.locator("main img, main script, main .attempts b, h1 script").count(), 0);
  await page.getByRole("button", { name: "Hex" }).click();
  await page.locator("pre", { hasText: "00000000  7b 22" }).waitFor();
});

test("one event: attempts side by side, curl, redelivery and the body as a file", async () => {
  await go("#/events?event_id=evt_1", "Events");
  await page.locator("tbody a[data-open]").first().click();
  const attempts = page.locator("[aria-label='Attempts of pay/billing'] thead th");
  await attempts.first().waitFor();
  assert.deepEqual(await attempts.allTextContents(), ["Attempt", "2", "1"]);
  await page.getByRole("button", { name: "Copy as curl" }).click();
  await page.getByText("Copied.").waitFor();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(command, /^curl -g -X POST http:\/\/.*--data-raw '\{"id":"evt_1"/);
  const saved = page.waitForEvent("download");
  await page.getByRole("link", { name: "Save" }).click();
  assert.match(readFileSync(await (await saved).path(), "utf8"), /^\{"id":"evt_1"/);
  await page.getByRole("button", { name: "Redeliver to pay/billing" }).click();
  await page.getByText("Due now: pay/billing.").waitFor();
  await page.locator("h2", { hasText: "pay/billing: ✕ dead letter" }).waitFor();
});

test("keyboard", async () => {
  await go("", "Overview");
  await page.keyboard.press("e");
  await page.locator("h1", { hasText: "Events" }).waitFor();
  await page.waitForFunction(() => document.activeElement?.tagName === "H1");
  await page.locator("tbody tr").nth(1).waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await page.waitForFunction(() => document.querySelectorAll("tbody input:checked").length === 1);
  const at = () => page.evaluate(() => Array.from(document.querySelectorAll("tbody tr")).findIndex((tr) => tr.contains(document.activeElement)));
  assert.equal(await at(), 1);
  await page.keyboard.press("k");
  assert.equal(await at(), 0);
  await page.keyboard.press("Enter");
  await page.locator("h2", { hasText: "Request as received" }).waitFor();
  await page.keyboard.press("?");
  await page.locator("dialog[open]", { hasText: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("/");
  await page.keyboard.type("evt_2");
  await page.keyboard.press("Enter");
  await page.locator("h1", { hasText: "Events" }).waitFor();
  await page.locator("tbody tr", { hasText: "evt_2" }).waitFor();
  assert.match(page.url(), /event_id=evt_2/);
});

test("a bulk redelivery is confirmed, and watched to its end", async () => {
  await act("/upstream/ok");
  await go("#/events?endpoint=pay&forward=billing&state=dead_letter", "Events");
  await page.getByRole("button", { name: "Redeliver all 6 dead letter" }).click();
  const dialog = page.locator("dialog[open]");
  const sure = dialog.getByRole("button", { name: "Redeliver all 6 dead letter" });
  assert.ok(await sure.isDisabled());
  await dialog.locator("input").fill("6");
  await sure.click();
  await page.locator("[data-phase=ended]", { hasText: "6 deliveries were made due. 6 delivered since, 0 wait. Done." }).waitFor();
  await page.locator("table.list").waitFor({ state: "detached" });
});

test("an upstream that was left alone is tried now", async () => {
  await act("/upstream/fail");
  await act("/slow", event("evt_slow"));
  await go("#/events?event_id=evt_slow", "Events");
  await page.locator("tbody a[data-open]").first().click();
  await page.locator("h2", { hasText: "slow: … waiting: its circuit is open until" }).waitFor();
  await act("/upstream/ok");
  await go("", "Overview");
  await page.getByRole("button", { name: "Try now slow" }).click();
  await page.locator("table[aria-labelledby=forwards] tr", { hasText: /^slow✓ ok0/ }).waitFor();
});

test("an endpoint shows the lines in force, and gets a test event", async () => {
  await go("#/endpoint?name=pay", "Endpoint pay");
  await page.locator("summary", { hasText: "Lines in force" }).first().click();
  await page.locator("tr", { hasText: "tolerance" }).first().waitFor();
  await page.getByRole("button", { name: "Send a test event" }).click();
  await page.getByText(/^accepted, to pay/).waitFor();
});

test("an endpoint is paused and resumed", async () => {
  await go("#/endpoint?name=pay", "Endpoint pay");
  const billing = page.locator("section[aria-label='Forward pay/billing']");
  await billing.getByRole("button", { name: "Pause" }).click();
  await billing.locator("h2", { hasText: "paused" }).waitFor();
  await billing.getByRole("button", { name: "Resume" }).click();
  await billing.locator("h2", { hasText: "ok" }).waitFor();
});

test("live", async () => {
  await go("#/live?endpoint=pay", "Live");
  await page.locator("#stream", { hasText: /^live$/ }).waitFor();
  await act("/send", event("evt_live"));
  await page.locator("tbody tr", { hasText: "accepted" }).first().waitFor();
  await page.locator("tbody tr", { hasText: "delivered" }).first().waitFor();
});

test("a refused request, with its causes and steps", async () => {
  await act("/forge", event("evt_forged"));
  await go("#/refused", "Refused requests");
  await page.locator("tbody tr", { hasText: "wrong_signature" }).first().locator("a[data-open]").click();
  await page.locator("h1", { hasText: "Refused: wrong_signature" }).waitFor();
  await page.locator("table[aria-labelledby=steps]", { hasText: "failed" }).waitFor();
  assert.ok(await page.getByRole("button", { name: "Judge again and accept" }).isDisabled());
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [1280, 375]) {
    test(`no barrier and no sideways scrolling: ${colorScheme}, ${width} px`, async () => {
      const id = await (async () => (await (await fetch(UI + "api/messages?limit=1")).json()).messages[0].id)();
      const refused = (await (await fetch(UI + "api/refused?limit=1")).json()).refused[0].id;
      // axe has to be run by evaluating its text, which the policy of the page forbids.
      const other = await open({ colorScheme, viewport: { width, height: 800 }, bypassCSP: true });
      const view = await other.newPage();
      for (const hash of ["", "#/events", "#/event?id=" + id, "#/endpoint?name=pay", "#/live", "#/refused", "#/refused-request?id=" + refused, "#/nothing"]) {
        await view.goto(UI + hash);
        await view.locator("main h1").waitFor();
        await view.locator("main", { hasNotText: "Loading …" }).waitFor();
        await view.locator("#stream", { hasText: /^live$/ }).waitFor();
        await view.evaluate(axe);
        const found = await view.evaluate(() => globalThis.axe.run());
        assert.deepEqual(found.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html).join(" ").slice(0, 300)), [], hash);
        const [have, room] = await view.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(have <= room, `${hash}: ${have} px in ${room}`);
      }
      await other.close();
    });
  }
}

test("on a site: nobody, a reader, and an operator", async () => {
  assert.equal((await fetch(SITE)).status, 401);
  const reader = await open({ httpCredentials: { username: "bob", password: "pw" } });
  const view = await reader.newPage();
  await view.goto(SITE);
  await view.locator(".by", { hasText: "bob, may only look" }).waitFor();
  await view.locator("table[aria-labelledby=forwards] tbody tr").first().waitFor();
  assert.equal(await view.getByRole("button", { name: "Pause" }).count(), 0);
  await reader.close();
});

test("a page of another origin changes nothing with an operator's credentials", async () => {
  const operator = await open({ httpCredentials: { username: "alice", password: "pw" } });
  const view = await operator.newPage();
  await view.goto(SITE);
  await view.locator(".by", { hasText: "alice" }).waitFor();
  const answered = view.waitForResponse((r) => r.url().endsWith("/api/pause"));
  await view.goto(CONTROL + "/attack");
  assert.equal((await answered).status(), 403);
  const list = await (await fetch(UI + "api/endpoints")).json();
  assert.ok(list.endpoints.every((e) => e.forwards.every((f) => !f.paused)));
  await operator.close();
});

test("open tabs end with the gateway and with the command", async () => {
  const operator = await open({ httpCredentials: { username: "alice", password: "pw" } });
  const view = await operator.newPage();
  await view.goto(SITE);
  await view.locator("#stream", { hasText: /^live$/ }).waitFor();
  await go("", "Overview");
  await page.locator("#stream", { hasText: /^live$/ }).waitFor();
  await act("/stop");
  await view.locator("#stream", { hasText: "not connected" }).waitFor();
  await page.locator("#stream", { hasText: "not connected" }).waitFor();
  await operator.close();
});

test("nothing ran that a sender wrote, and the policy had nothing to report", () => {
  assert.deepEqual(troubles, []);
});
