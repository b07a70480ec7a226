// Content, identity, media, voice, realtime and cloud services, and payments
// from Adyen to QuickNode: how each says that it signs.
import { createHmac, createPublicKey, verify } from 'node:crypto'
import { gunzipSync } from 'node:zlib'

const hmac = (hash, key, parts, encoding) => {
  const mac = createHmac(hash, key)
  for (const part of [parts].flat()) mac.update(part)
  return mac.digest(encoding)
}

// bare is a signature of the body that stands alone in a header.
const bare = (header, { hash = 'sha256', encoding = 'hex', prefix = '', key = (v) => v.secret } = {}) =>
  (v) => ({ headers: { [header]: prefix + hmac(hash, key(v), v.body, encoding) } })

// stamped is "t=TIME,v1=SIGNATURE" over time and body; the time is the vector's.
const stamped = (header, { time = 't', key = 'v1', between = ',', encoding = 'hex' } = {}) => (v) => {
  const t = new RegExp(`(?:^|,)\\s*${time}=(\\d+)`).exec(v.headers[header])[1]
  return { headers: { [header]: `${time}=${t}${between}${key}=${hmac('sha256', v.secret, [t, '.', v.body], encoding)}` } }
}

// sent is a secret that is sent as it is.
const sent = (header, prefix = '') => (v) => ({ headers: { [header]: prefix + v.secret } })
const inQuery = (name) => (v) => ({ query: { [name]: v.secret } })

// described is a scheme with what the endpoint says of it laid over its defaults.
const described = (v, defaults) => ({ ...defaults, ...JSON.parse(v.override ?? '{}') })

// keccak256 is Ethereum's hash: SHA-3 as it was before the standard changed its
// padding, after FIPS 202 and https://keccak.team/keccak_specs_summary.html.
const keccak256 = (bytes) => {
  const mask = (1n << 64n) - 1n
  const turn = (x, n) => (n ? ((x << BigInt(n)) | (x >> BigInt(64 - n))) & mask : x)
  const lanes = Array.from({ length: 5 }, () => Array(5).fill(0n))
  const permute = () => {
    let lfsr = 1
    for (let round = 0; round < 24; round++) {
      const c = lanes.map((column) => column.reduce((a, b) => a ^ b))
      lanes.forEach((column, x) => {
        const d = c[(x + 4) % 5] ^ turn(c[(x + 1) % 5], 1)
        column.forEach((lane, y) => { column[y] = lane ^ d })
      })
      let [x, y, moved] = [1, 0, lanes[1][0]]
      for (let t = 0; t < 24; t++) {
        [x, y] = [y, (2 * x + 3 * y) % 5]
        const next = lanes[x][y]
        lanes[x][y] = turn(moved, (((t + 1) * (t + 2)) / 2) % 64)
        moved = next
      }
      for (let y = 0; y < 5; y++) {
        const row = lanes.map((column) => column[y])
        row.forEach((lane, x) => { lanes[x][y] = lane ^ (~row[(x + 1) % 5] & mask & row[(x + 2) % 5]) })
      }
      for (let j = 0; j < 7; j++) {
        if (lfsr & 1) lanes[0][0] ^= 1n << BigInt((1 << j) - 1)
        lfsr = lfsr & 0x80 ? (lfsr << 1) ^ 0x171 : lfsr << 1
      }
    }
  }
  const rate = 136
  const padded = Buffer.concat([bytes, Buffer.alloc(rate - (bytes.length % rate))])
  padded[bytes.length] = 0x01
  padded[padded.length - 1] |= 0x80
  for (let at = 0; at < padded.length; at += rate) {
    for (let i = 0; i < rate / 8; i++) lanes[i % 5][Math.floor(i / 5)] ^= padded.readBigUInt64LE(at + 8 * i)
    permute()
  }
  const digest = Buffer.alloc(32)
  for (let i = 0; i < 4; i++) digest.writeBigUInt64LE(lanes[i][0], 8 * i)
  return digest.toString('hex')
}

export const signers = {
  // Content and identity.
  sanity: stamped('sanity-webhook-signature', { encoding: 'base64url' }),
  auth0: sent('authorization'),
  okta: sent('authorization'),
  workos: stamped('workos-signature', { between: ', ' }),

  // Media, voice and AI.
  mux: stamped('mux-signature'),
  'frame-io': (v) => ({
    headers: {
      'x-frameio-signature': 'v0=' + hmac('sha256', v.secret, ['v0:', v.headers['x-frameio-request-timestamp'], ':', v.body], 'hex'),
    },
  }),
  agora: bare('agora-signature-v2'),
  daily: (v) => ({
    headers: {
      'x-webhook-signature': hmac(
        'sha256', Buffer.from(v.secret, 'base64'), [v.headers['x-webhook-timestamp'], '.', v.body], 'base64'),
    },
  }),
  elevenlabs: stamped('elevenlabs-signature', { key: 'v0' }),
  deepgram: sent('dg-token'),
  assemblyai: (v) => ({ headers: { [described(v, { names: ['x-my-webhook-secret'] }).names[0]]: v.secret } }),
  vapi: (v) => ({
    headers: { 'x-signature': hmac('sha256', v.secret, `${v.headers['x-timestamp']}.${v.body.toString('latin1')}`, 'hex') },
  }),
  'vapi-secret': sent('x-vapi-secret'),
  'vapi-bearer': sent('authorization', 'Bearer '),
  retell: (v) => {
    const [, time] = /^v=(\d+),d=/.exec(v.headers['x-retell-signature'])
    return { headers: { 'x-retell-signature': `v=${time},d=${hmac('sha256', v.secret, [v.body, time], 'hex')}` } }
  },

  // Realtime and cloud.
  pusher: (v) => {
    const keys = v.options.key?.split(' ') ?? [v.headers['x-pusher-key']]
    const secret = v.secrets[keys.indexOf(v.headers['x-pusher-key'])]
    return { headers: { 'x-pusher-signature': hmac('sha256', secret, v.body, 'hex') } }
  },
  ably: (v) => {
    const key = v.secrets.find((s) => s.startsWith(v.headers['x-ably-key'] + ':'))
    return { headers: { 'x-ably-signature': hmac('sha256', key.split(':')[1], v.body, 'base64') } }
  },
  'azure-event-grid': inQuery('secret'),

  // Sport and health.
  strava: inQuery('token'),
  fitbit: bare('x-fitbit-signature', { hash: 'sha1', encoding: 'base64', key: (v) => v.secret + '&' }),
  oura: (v) => ({
    headers: { 'x-oura-signature': hmac('sha256', v.secret, [v.headers['x-oura-timestamp'], v.body], 'hex').toUpperCase() },
  }),

  // Payments, shops and accounts.
  stripe: stamped('stripe-signature'),
  paddle: (v) => {
    // In a rotation there is one h1 for each of the keys, the old one first.
    const [, ts] = /ts=(\d+)/.exec(v.headers['paddle-signature'])
    const items = v.secrets.map((secret) => 'h1=' + hmac('sha256', secret, [ts, ':', v.body], 'hex'))
    return items.every((item) => v.headers['paddle-signature'].split(';').includes(item))
  },
  'adyen-platform': bare('hmacsignature', { encoding: 'base64', key: (v) => Buffer.from(v.secret, 'hex') }),
  razorpay: bare('x-razorpay-signature'),
  'coinbase-commerce': bare('x-cc-webhook-signature'),
  gocardless: bare('webhook-signature'),
  mollie: bare('x-mollie-signature', { prefix: 'sha256=' }),
  'mollie-classic': inQuery('token'),
  lemonsqueezy: bare('x-signature'),
  woocommerce: bare('x-wc-webhook-signature', { encoding: 'base64' }),
  recurly: (v) => {
    const [time] = v.headers['recurly-signature'].split(',')
    const signatures = v.secrets.map((secret) => hmac('sha256', secret, [time, '.', v.body], 'hex'))
    return { headers: { 'recurly-signature': [time, ...signatures].join(',') } }
  },
  'checkout-com': bare('cko-signature'),
  wise: (v) => {
    const key = createPublicKey({ key: Buffer.from(v.secret, 'base64'), format: 'der', type: 'spki' })
    return verify('sha256', v.body, key, Buffer.from(v.headers['x-signature-sha256'], 'base64'))
  },
  xero: bare('x-xero-signature', { encoding: 'base64' }),
  quickbooks: bare('intuit-signature', { encoding: 'base64' }),
  'modern-treasury': bare('x-signature'),
  easypost: bare('x-hmac-signature', { prefix: 'hmac-sha256-hex=', key: (v) => v.secret.normalize('NFKD') }),
  btcpay: bare('btcpay-sig', { prefix: 'sha256=' }),
  onfido: bare('x-sha2-signature'),
  dwolla: bare('x-request-signature-sha-256'),
  moralis: (v) => ({ headers: { 'x-signature': '0x' + keccak256(Buffer.concat([v.body, Buffer.from(v.secret)])) } }),
  alchemy: bare('x-alchemy-signature'),
  quicknode: (v) => {
    const body = v.headers['content-encoding'] === 'gzip' ? gunzipSync(v.body) : v.body
    const signed = [v.headers['x-qn-nonce'], v.headers['x-qn-timestamp'], body]
    return { headers: { 'x-qn-signature': hmac('sha256', v.secret, signed, 'hex') } }
  },

  // Senders of the project's own users.
  generic: bare('x-webhook-signature'),
  toolify: sent('x-webhook-signature'),
  taskflow: bare('x-taskflow-signature', { prefix: 'sha256=' }),

  // Senders that the endpoint describes.
  hmac: (v) => {
    const scheme = described(v, { hash: 'sha256', signed: '{body}' })
    const { names, prefix = '', encoding = 'hex' } = scheme.signature
    const [, header] = /^\{header:(.*)\}$/.exec(scheme.timestamp?.from) ?? []
    const signed = scheme.signed.split(/(\{body\}|\{timestamp\})/).map((part) =>
      part === '{body}' ? v.body : part === '{timestamp}' ? v.headers[header.toLowerCase()] : part)
    return { headers: { [names[0]]: prefix + hmac(scheme.hash, v.secret, signed, encoding) } }
  },
  token: (v) => {
    const { from = 'header', names } = described(v, {})
    switch (from) {
      case 'basic': return { headers: { authorization: 'Basic ' + Buffer.from(v.secret).toString('base64') } }
      case 'bearer': return { headers: { authorization: 'Bearer ' + v.secret } }
      default: return { [from === 'header' ? 'headers' : from]: { [names[0]]: v.secret } }
    }
  },
}
