// Receives the webhooks of three systems, as a program does that has no gateway
// before it: it checks each signature itself and answers as the sender's
// document asks. It works the same behind the gateway, unchanged; only then do
// the headers that it prints have a value.

import crypto from "node:crypto";
import express from "express";

const hexHMAC = (secret, body) =>
  crypto.createHmac("sha256", secret).update(body).digest("hex");

const systems = {
  toolify: {
    secret: process.env.TOOLIFY_API_KEY,
    header: "X-Webhook-Signature",
    signature: (key) => key, // the API key itself
    eventType: (event) => event.event,
    received: (res) => res.json({ received: true }),
    refused: (res) => res.json({ error: "Invalid signature" }),
  },
  generic: {
    secret: process.env.GENERIC_WEBHOOK_SECRET,
    header: "X-Webhook-Signature",
    signature: hexHMAC,
    eventType: (event) => event.type,
    received: (res) => res.json({ status: "received" }),
    refused: (res) => res.json({ error: "Invalid signature" }),
  },
  taskflow: {
    secret: process.env.TASKFLOW_WEBHOOK_SECRET,
    header: "X-TaskFlow-Signature",
    signature: (secret, body) => "sha256=" + hexHMAC(secret, body),
    eventType: (event) => event.type,
    received: (res) => res.type("text").send("OK"),
    refused: (res) => res.type("text").send("Invalid signature"),
  },
};

// equal takes the same time wherever the two differ.
function equal(a, b) {
  const x = Buffer.from(a);
  const y = Buffer.from(b);
  return x.length === y.length && crypto.timingSafeEqual(x, y);
}

const app = express();

// Signatures are over the bytes as sent, so the body is not parsed before it is
// verified. TaskFlow sends up to 10 MB.
app.use(express.raw({ type: () => true, limit: "10mb" }));

for (const [name, system] of Object.entries(systems)) {
  if (!system.secret) {
    console.error(`the secret of ${name} is not set`);
    process.exit(1);
  }
  app.post(`/${name}`, (req, res) => {
    const body = req.body ?? Buffer.alloc(0);
    const signature = req.get(system.header) ?? "";
    if (!equal(signature, system.signature(system.secret, body))) {
      return system.refused(res.status(401));
    }
    let event;
    try {
      event = JSON.parse(body.toString());
    } catch {
      return res.status(400).type("text").send("malformed JSON");
    }
    // The work: here, to print a line.
    console.log(
      JSON.stringify({
        system: name,
        type: system.eventType(event),
        message_id: req.get("Webhook-Gateway-Message-Id"),
        event_id: req.get("Webhook-Gateway-Event-Id"),
        attempt: req.get("Webhook-Gateway-Attempt"),
      }),
    );
    system.received(res);
  });
}

const server = app.listen(process.env.PORT ?? 9000, "127.0.0.1", (err) => {
  if (err) throw err;
  const { address, port } = server.address();
  console.log(`listening on ${address}:${port}`);
});
