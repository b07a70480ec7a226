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
const happened = []; // dialogs, errors of scripts, and reports of the Content-Security-Policy

// open makes a context whose pages report what must not happen.
async function open(options = {}, troubles = happened) {
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

// ask is a call of the API beside the page.
async function ask(path, body) {
  const answer = await fetch(UI + "api/" + path, body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const said = await answer.json();
  assert.equal(answer.status, 200, path + ": " + said.error);
  return said;
}

const count = async (filter) => (await ask("count", { filter })).matched;

// waits is the number of events that wait at slow while its circuit is open.
async function waits(ids) {
  await act("/upstream/fail");
  for (const id of ids) await act("/slow", event(id));
  for (;;) {
    const { forwards: [f] } = await ask("endpoints/slow");
    if (f.circuit.state === "open" && f.claimed === 0) return;
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

// hold keeps the answers to an operation from the page until end(). reached is fulfilled
// when the gateway has carried the first call out, and calls counts them.
async function hold(verb) {
  const held = { calls: 0 };
  let here, letGo;
  held.reached = new Promise((f) => { here = f; });
  const free = new Promise((f) => { letGo = f; });
  await page.route("**/api/" + verb, async (route) => {
    held.calls++;
    const response = await route.fetch();
    here();
    await free;
    await route.fulfill({ response }).catch(() => {}); // a page that was left wants no answer
  });
  held.end = () => { letGo(); return page.unrouteAll({ behavior: "wait" }); };
  return held;
}

// begin opens the question of a bulk operation, and confirm answers it.
async function begin(name) {
  await page.getByRole("button", { name, exact: true }).click();
  return page.locator("dialog[open]");
}

async function confirm(dialog, name, number) {
  await dialog.locator("input").fill(number);
  await dialog.getByRole("button", { name, exact: true }).click();
}

const phase = (name, text) => page.locator(`[data-phase=${name}]`, { hasText: text }).waitFor();

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

const many = Array.from({ length: 203 }, (_, i) => "evt_bulk" + i);

test("a bulk cancellation is watched to its end, piece by piece", async () => {
  await waits(many);
  await go("#/events?endpoint=slow&state=waiting", "Events");
  const name = "Cancel all 203 waiting";
  const dialog = await begin(name);
  await dialog.getByText("The upstream does not get them, unless they are redelivered").waitFor();
  const held = await hold("cancel");
  await confirm(dialog, name, "203");
  await held.reached;
  await phase("working", "Cancelling: 0 of 203.");
  assert.ok(await page.getByRole("button", { name: "Purge all" }).isDisabled()); // one at a time
  await held.end();
  await phase("ended", "203 deliveries were cancelled. Done.");
  await page.locator("table.list").waitFor({ state: "detached" });
  assert.equal(await count({ endpoint: "slow", state: "cancelled" }), 203);
});

test("a bulk purge says what it means, and after a reload of the page nothing is done twice", async () => {
  await go("#/events?endpoint=slow&state=cancelled", "Events");
  const held = await hold("purge");
  const dialog = await begin("Purge all 203 cancelled");
  await dialog.getByText("They are removed for good, although they have not been delivered. This cannot be undone.").waitFor();
  for (const wrong of ["", "20", "2030"]) {
    await dialog.locator("input").fill(wrong);
    assert.ok(await dialog.getByRole("button", { name: "Purge all 203 cancelled" }).isDisabled(), wrong);
  }
  await confirm(dialog, "Purge all 203 cancelled", "203");
  await held.reached; // the first piece is done, and the page does not know it yet
  await page.reload();
  const rest = await begin("Purge all 3 cancelled");
  assert.equal(await page.locator("[data-phase]").count(), 0);
  await held.end();
  assert.equal(held.calls, 1);
  const again = await hold("purge");
  await confirm(rest, "Purge all 3 cancelled", "3");
  await again.reached;
  await again.end();
  await phase("ended", "3 deliveries were purged. Done.");
  assert.equal(again.calls, 1);
  await page.locator("table.list").waitFor({ state: "detached" });
  assert.equal(await count({ endpoint: "slow", state: "cancelled" }), 0);
  assert.equal(await count({ endpoint: "slow", state: "delivered" }), 1); // evt_slow
});

test("what changes meanwhile is not dealt with unless it was confirmed", async () => {
  await waits(["evt_a", "evt_b", "evt_c"]);
  const bury = async (id) => assert.equal((await ask("bury", { filter: { endpoint: "slow", event_id: id } })).changed, 1);
  await bury("evt_a");
  await bury("evt_b");
  await go("#/events?endpoint=slow&state=dead_letter", "Events");
  let dialog = await begin("Purge all 2 dead letter");
  await dialog.getByText("2 deliveries (dead letter)").waitFor();
  await bury("evt_c"); // was received before the question, so it would be among them
  await confirm(dialog, "Purge all 2 dead letter", "2");
  await phase("changed", "3 match now, more than the 2 that were confirmed. Nothing was done.");
  assert.equal(await count({ endpoint: "slow", state: "dead_letter" }), 3);

  dialog = await begin("Purge all 3 dead letter");
  await dialog.getByText("3 deliveries (dead letter)").waitFor();
  for (const id of ["evt_d", "evt_e", "evt_f"]) { // came after the question
    await act("/slow", event(id));
    await bury(id);
  }
  await confirm(dialog, "Purge all 3 dead letter", "3");
  await phase("ended", "3 deliveries were purged. Done.");
  assert.equal(await count({ endpoint: "slow", state: "dead_letter" }), 3);
});

test("a selection that changes while it is dealt with", async () => {
  await go("#/events?endpoint=slow&state=dead_letter", "Events");
  for (const id of ["evt_d", "evt_e"]) await page.getByLabel("Select event " + id).check();
  const dialog = await begin("Purge selected (2)");
  await dialog.getByText("The deliveries in the state dead letter of 2 events. They are removed for good").waitFor();
  const held = await hold("purge");
  await confirm(dialog, "Purge selected (2)", "2");
  await held.reached;
  await page.getByLabel("Select event evt_f").check();
  await held.end();
  await phase("ended", "2 deliveries were purged. Done.");
  await page.getByRole("button", { name: "Purge selected (1)" }).waitFor();
  assert.ok(await page.getByLabel("Select event evt_f").isChecked());
  assert.equal(await count({ endpoint: "slow", state: "dead_letter" }), 1);
  // Under another filter nobody sees what was selected.
  await page.getByLabel("State").selectOption("all");
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByText("Nothing is selected.").waitFor();
  // What has left the state since it was selected stays: it is redelivered, and waits.
  await go("#/events?endpoint=slow&state=dead_letter", "Events");
  await page.getByLabel("Select event evt_f").check();
  const late = await begin("Purge selected (1)");
  await ask("redeliver", { filter: { endpoint: "slow", state: "dead_letter" } });
  await confirm(late, "Purge selected (1)", "1");
  await phase("ended", "0 deliveries were purged. Left alone: 1, the state has changed. Done.");
  assert.equal(await count({ endpoint: "slow", state: "waiting" }), 1);
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

// brokenHeaders are the words in headers of tables that a line ends within. Words with a
// hyphen may end there, and names that somebody else chose anywhere.
function brokenHeaders() {
  const broken = [];
  for (const th of document.querySelectorAll("th")) {
    const texts = document.createTreeWalker(th, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      if (texts.currentNode.parentElement.closest("bdi")) continue;
      for (const word of texts.currentNode.data.matchAll(/[^\s-]+-?/g)) {
        const range = document.createRange();
        range.setStart(texts.currentNode, word.index);
        range.setEnd(texts.currentNode, word.index + word[0].length);
        if (new Set(Array.from(range.getClientRects(), (r) => r.top)).size > 1) broken.push(word[0]);
      }
    }
  }
  return broken;
}

for (const colorScheme of ["light", "dark"]) {
  for (const width of [1280, 375]) {
    test(`no barrier and no sideways scrolling: ${colorScheme}, ${width} px`, async () => {
      const id = await (async () => (await (await fetch(UI + "api/messages?limit=1")).json()).messages[0].id)();
      const refused = (await (await fetch(UI + "api/refused?limit=1")).json()).refused[0].id;
      // axe has to be run by evaluating its text, which the policy of the page forbids.
      const other = await open({ colorScheme, viewport: { width, height: 800 }, bypassCSP: true });
      const view = await other.newPage();
      const asked = "#/events?endpoint=pay&state=delivered"; // with the question of a purge
      for (const hash of ["", "#/events", asked, "#/event?id=" + id, "#/endpoint?name=pay", "#/live", "#/refused", "#/refused-request?id=" + refused, "#/nothing"]) {
        await view.goto(UI + hash);
        await view.locator("main h1").waitFor();
        await view.locator("main", { hasNotText: "Loading …" }).waitFor();
        await view.locator("#stream", { hasText: /^live$/ }).waitFor();
        if (hash === asked) {
          await view.getByRole("button", { name: /^Purge all/ }).click();
          await view.locator("dialog[open]", { hasText: "This cannot be undone." }).waitFor();
        }
        await view.evaluate(axe);
        const found = await view.evaluate(() => globalThis.axe.run());
        assert.deepEqual(found.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.html).join(" ").slice(0, 300)), [], hash);
        const [have, room] = await view.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(have <= room, `${hash}: ${have} px in ${room}`);
        assert.deepEqual(await view.evaluate(brokenHeaders), [], hash);
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
  await view.goto(SITE + "#/events?endpoint=pay&state=delivered");
  await view.locator("table.list tbody tr").first().waitFor();
  assert.equal(await view.getByRole("button", { name: /Redeliver|Cancel|Bury|Purge/ }).count(), 0);
  assert.equal(await view.locator("main input[type=checkbox]").count(), 0);
  const had = await count({ endpoint: "pay", state: "all" });
  for (const verb of ["redeliver", "cancel", "bury", "purge"]) {
    const status = await view.evaluate(async (verb) => (await fetch("api/" + verb, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ filter: { endpoint: "pay", state: verb === "purge" ? "all" : "waiting" } }),
    })).status, verb);
    assert.equal(status, 403, verb);
  }
  assert.equal(await count({ endpoint: "pay", state: "all" }), had);
  await reader.close();
  const operator = await open({ httpCredentials: { username: "alice", password: "pw" } });
  const hers = await operator.newPage();
  await hers.goto(SITE + "#/events?endpoint=pay&state=delivered");
  await hers.getByRole("button", { name: /^Purge all \d+ delivered$/ }).waitFor();
  await operator.close();
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

// The control of the last test: what it looks for is reported where it happens.
test("a violation of the policy, a dialog and an error are reported", async () => {
  const troubles = [];
  const other = await open({}, troubles);
  const view = await other.newPage();
  const elsewhere = CONTROL + "/elsewhere";
  await view.route(UI, async (route) => {
    const response = await route.fetch(); // its headers stay
    const inline = `<script>globalThis.ran = "script"</script><style>body { display: none }</style><img src="${elsewhere}" onerror="globalThis.ran = 'handler'"></body>`;
    const body = (await response.text()).replace("</body>", inline);
    assert.ok(body.includes(inline));
    await route.fulfill({ response, body });
  });
  const reported = async (what) => {
    for (const end = Date.now() + patience.timeout; !troubles.some((t) => what.test(t));) {
      assert.ok(Date.now() < end, `${what} is not among ${JSON.stringify(troubles, null, 1)}`);
      await new Promise((wake) => setTimeout(wake, 50));
    }
  };
  await view.goto(UI);
  await reported(/inline script .*Content Security Policy/i);
  await reported(/inline style .*Content Security Policy/i);
  await reported(/inline event handler .*Content Security Policy/i);
  await reported(/image .*Content Security Policy/i);
  await view.evaluate((url) => fetch(url).catch(() => {}), elsewhere);
  await reported(/connect-src/);
  await view.evaluate(() => { try { document.createElement("p").innerHTML = "<b>"; } catch { /* as it should be */ } });
  await reported(/TrustedHTML/);
  await view.evaluate(() => { setTimeout(() => { throw new Error("on purpose"); }); });
  await reported(/^script: on purpose/);
  await view.evaluate(() => { alert("on purpose"); });
  await reported(/^dialog: on purpose/);
  assert.equal(await view.evaluate(() => globalThis.ran), undefined);
  assert.notEqual(await view.evaluate(() => getComputedStyle(document.body).display), "none");
  await other.close();
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
  assert.deepEqual(happened, []);
});
