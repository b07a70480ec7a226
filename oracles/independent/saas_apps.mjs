// Signers of communication and business apps, each after its provider's own
// documentation.
import { createHash, createHmac, createPublicKey, verify } from 'node:crypto'

const hmac = (hash, key, encoding, ...parts) => {
  const mac = createHmac(hash, key)
  for (const part of parts) mac.update(part)
  return mac.digest(encoding)
}
const hex = (key, ...parts) => hmac('sha256', key, 'hex', ...parts)
const base64 = (key, ...parts) => hmac('sha256', key, 'base64', ...parts)
const digest = (...parts) => createHash('sha256').update(Buffer.concat(parts.map((p) => Buffer.from(p)))).digest('hex')

// ed25519 checks a signature with the 32 bytes of a public key.
const ed25519 = (key, signature, ...parts) => {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: key.toString('base64url') }
  return verify(null, Buffer.concat(parts.map((p) => Buffer.from(p))), createPublicKey({ key: jwk, format: 'jwk' }), signature)
}

// headers of what is not signed but sent along with a secret.
const basic = (v) => ({ headers: { authorization: 'Basic ' + Buffer.from(v.secret).toString('base64') } })
const token = (v) => ({ query: { token: v.secret } })

const discord = (v) =>
  ed25519(Buffer.from(v.secret, 'hex'), Buffer.from(v.headers['x-signature-ed25519'], 'hex'), v.headers['x-signature-timestamp'], v.body)

const meta = (v) => ({ headers: { 'x-hub-signature-256': 'sha256=' + hex(v.secret, v.body) } })

// The twelve escapes that HubSpot's documentation has decoded for version 3.
const hubspotEscapes = { '%3A': ':', '%2F': '/', '%3F': '?', '%40': '@', '%21': '!', '%24': '$', '%27': "'", '%28': '(', '%29': ')', '%2A': '*', '%2C': ',', '%3B': ';' }
const hubspotURL = (url) => url.replace(/%[0-9A-F]{2}/gi, (escape) => hubspotEscapes[escape.toUpperCase()] ?? escape)

// listed takes an item out of a header such as t=1,v1=abc.
const listed = (header, key) =>
  header
    .split(',')
    .map((item) => item.trim())
    .find((item) => item.startsWith(key + '='))
    .slice(key.length + 1)

export const signers = {
  discord,
  'discord-interactions': discord,
  sendgrid: (v) =>
    verify(
      'sha256',
      Buffer.concat([Buffer.from(v.headers['x-twilio-email-event-webhook-timestamp']), v.body]),
      createPublicKey({ key: Buffer.from(v.secret, 'base64'), format: 'der', type: 'spki' }),
      Buffer.from(v.headers['x-twilio-email-event-webhook-signature'], 'base64'),
    ),
  mailgun: (v) => {
    const { timestamp, token, ...signatures } = v.json.signature
    const field = 'parent-signature' in signatures ? 'parent-signature' : 'signature'
    return { json: { [`signature.${field}`]: hex(v.secret, timestamp + token) } }
  },
  postmark: basic,
  mailchimp: token,
  telnyx: (v) =>
    ed25519(Buffer.from(v.secret, 'base64'), Buffer.from(v.headers['telnyx-signature-ed25519'], 'base64'), v.headers['telnyx-timestamp'], '|', v.body),
  'messagebird-legacy': (v) => {
    const query = [...new URL(v.url).searchParams].sort(([a], [b]) => (a < b ? -1 : 1))
    const sorted = query.map((pair) => pair.map(encodeURIComponent).join('=')).join('&')
    const body = createHash('sha256').update(v.body).digest()
    return { headers: { 'messagebird-signature': base64(v.secret, v.headers['messagebird-request-timestamp'], '\n', sorted, '\n', body) } }
  },
  line: (v) => ({ headers: { 'x-line-signature': base64(v.secret, v.body) } }),
  telegram: (v) => ({ headers: { 'x-telegram-bot-api-secret-token': v.secret } }),
  meta,
  facebook: meta,
  instagram: meta,
  whatsapp: meta,
  x: (v) => ({ headers: { 'x-twitter-webhooks-signature': 'sha256=' + base64(v.secret, v.body) } }),
  twitch: (v) => ({
    headers: {
      'twitch-eventsub-message-signature':
        'sha256=' + hex(v.secret, v.headers['twitch-eventsub-message-id'], v.headers['twitch-eventsub-message-timestamp'], v.body),
    },
  }),
  zoom: (v) => ({ headers: { 'x-zm-signature': 'v0=' + hex(v.secret, `v0:${v.headers['x-zm-request-timestamp']}:`, v.body) } }),
  'plivo-v2': (v) => ({
    headers: { 'x-plivo-signature-v2': base64(v.secret, v.url.split('?')[0], v.headers['x-plivo-signature-v2-nonce']) },
  }),
  'plivo-v3': (v) => {
    const [base] = v.url.split('?')
    const sorted = (params, assign, separator) => [...params].map((pair) => pair.join(assign)).sort().join(separator)
    const query = sorted(new URL(v.url).searchParams, '=', '&')
    const form = sorted(new URLSearchParams(v.body.toString()), '', '')
    const content = base + (query || form ? '?' : '') + query + (query && form ? '.' : '') + form
    return { headers: { 'x-plivo-signature-v3': base64(v.secret, content, '.', v.headers['x-plivo-signature-v3-nonce']) } }
  },

  zendesk: (v) => ({
    headers: { 'x-zendesk-webhook-signature': base64(v.secret, v.headers['x-zendesk-webhook-signature-timestamp'], v.body) },
  }),
  intercom: (v) => ({ headers: { 'x-hub-signature': 'sha1=' + hmac('sha1', v.secret, 'hex', v.body) } }),
  'hubspot-v1': (v) => ({ headers: { 'x-hubspot-signature': digest(v.secret, v.body) } }),
  'hubspot-v2': (v) => ({ headers: { 'x-hubspot-signature': digest(v.secret, v.method, v.url, v.body) } }),
  'hubspot-v3': (v) => ({
    headers: {
      'x-hubspot-signature-v3': base64(v.secret, v.method, hubspotURL(v.url), v.body, v.headers['x-hubspot-request-timestamp']),
    },
  }),
  pipedrive: basic,
  freshdesk: basic,
  chargebee: basic,
  salesforce: token,
  asana: (v) => ({ headers: { 'x-hook-signature': hex(v.secret, v.body) } }),
  trello: (v) => ({ headers: { 'x-trello-webhook': hmac('sha1', v.secret, 'base64', v.body, v.url) } }),
  notion: (v) => ({ headers: { 'x-notion-signature': 'sha256=' + hex(v.secret, v.body) } }),
  airtable: (v) => ({ headers: { 'x-airtable-content-mac': 'hmac-sha256=' + hex(Buffer.from(v.secret, 'base64'), v.body) } }),
  clickup: (v) => ({ headers: { 'x-signature': hex(v.secret, v.body) } }),
  typeform: (v) => ({ headers: { 'typeform-signature': 'sha256=' + base64(v.secret, v.body) } }),
  calendly: (v) => {
    const t = listed(v.headers['calendly-webhook-signature'], 't')
    return { headers: { 'calendly-webhook-signature': `t=${t},v1=${hex(v.secret, t, '.', v.body)}` } }
  },
  'cal-com': (v) => ({ headers: { 'x-cal-signature-256': hex(v.secret, v.body) } }),
  'docusign-connect': (v) => ({
    headers: Object.fromEntries(v.secrets.map((secret, i) => [`x-docusign-signature-${i + 1}`, base64(secret, v.body)])),
  }),
  dropbox: (v) => ({ headers: { 'x-dropbox-signature': hex(v.secret, v.body) } }),
  'dropbox-sign': (v) => ({ json: { 'event.event_hash': hex(v.secret, v.json.event.event_time + v.json.event.event_type) } }),
  box: (v) => {
    const [primary, secondary] = v.secrets.map((secret) => base64(secret, v.body, v.headers['box-delivery-timestamp']))
    return { headers: { 'box-signature-primary': primary, ...(secondary && { 'box-signature-secondary': secondary }) } }
  },
  'front-app': (v) => ({ headers: { 'x-front-signature': base64(v.secret, v.headers['x-front-request-timestamp'], ':', v.body) } }),
  helpscout: (v) => ({ headers: { 'x-helpscout-signature': hmac('sha1', v.secret, 'base64', v.body) } }),
  customerio: (v) => ({ headers: { 'x-cio-signature': hex(v.secret, `v0:${v.headers['x-cio-timestamp']}:`, v.body) } }),
  knock: (v) => {
    const t = listed(v.headers['x-knock-signature'], 't')
    return { headers: { 'x-knock-signature': `t=${t},s=${base64(v.secret, t, '.', v.body)}` } }
  },
  courier: (v) => {
    const t = listed(v.headers['courier-signature'], 't')
    return { headers: { 'courier-signature': `t=${t},signature=${hex(v.secret, t, '.', v.body)}` } }
  },
  checkr: (v) => ({ headers: { 'x-checkr-signature': hex(v.secret, v.body) } }),
  greenhouse: (v) => ({ headers: { signature: 'sha256 ' + hex(v.secret, v.body) } }),
  ashby: (v) => ({ headers: { 'ashby-signature': 'sha256=' + hex(v.secret, v.body) } }),
  lever: (v) => ({ json: { signature: hex(v.secret, v.json.token + v.json.triggeredAt) } }),
  webflow: (v) => ({ headers: { 'x-webflow-signature': hex(v.secret, v.headers['x-webflow-timestamp'], ':', v.body) } }),
  klaviyo: (v) => ({ headers: { 'klaviyo-signature': hex(v.secret, v.body, v.headers['klaviyo-timestamp']) } }),
}
