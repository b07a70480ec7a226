// Payments, banking, identity and shops: one signer for each, written from the
// provider's own pages. A signer returns what the request has to carry, or, where
// the private key is not here, whether the signature in it is right.
import { createHash, createHmac, createPublicKey, verify } from 'node:crypto'

const hash = (algorithm, data, encoding) => createHash(algorithm).update(data).digest(encoding)
const hmac = (algorithm, key, data, encoding) => createHmac(algorithm, key).update(data).digest(encoding)
const bytes = (...parts) => Buffer.concat(parts.map((p) => Buffer.from(p)))

// ofBody signs the body alone.
const ofBody = (header, encoding, algorithm = 'sha256', prefix = '') => (v) => ({
  headers: { [header]: prefix + hmac(algorithm, v.secret, v.body, encoding) },
})

// item takes a member out of a list such as t=1,v1=a.
const item = (list, key) => list.split(',').map((p) => p.trim()).find((p) => p.startsWith(`${key}=`))?.slice(key.length + 1)

// listed signs "time.body" and writes both the time and the signature into one header.
const listed = (header, time, name, { algorithm = 'sha256', key = (s) => s } = {}) => (v) => {
  const t = item(v.headers[header.toLowerCase()], time)
  return { headers: { [header]: `${time}=${t},${name}=${hmac(algorithm, key(v.secret), bytes(t, '.', v.body), 'hex')}` } }
}

// known are n secrets that sign, of which the last are the endpoint's.
const known = (secrets, n) => [...Array(n).fill('a secret that the endpoint does not have'), ...secrets].slice(-n)

const pem = (text) => createPublicKey(text.replaceAll('\\n', '\n'))

export const signers = {
  // What is sent is the secret itself, or a hash of it.
  helius: (v) => ({ headers: { Authorization: v.secret } }),
  gumroad: (v) => ({ query: { token: v.secret } }),
  xendit: (v) => ({ headers: { 'x-callback-token': v.secret } }),
  'flutterwave-v3': (v) => ({ headers: { 'verif-hash': v.secret } }),
  marqeta: (v) => ({ headers: { Authorization: `Basic ${Buffer.from(v.secret).toString('base64')}` } }),
  phonepe: (v) => ({ headers: { Authorization: hash('sha256', v.secret, 'hex') } }),

  // The body alone.
  unit: ofBody('x-unit-signature', 'base64', 'sha1'),
  'marqeta-signed': ofBody('X-Marqeta-Signature', 'hex'),
  fastspring: ofBody('X-FS-Signature', 'base64'),
  fourthwall: (v) => {
    const header = 'x-fourthwall-hmac-apps-sha256' in v.headers ? 'X-Fourthwall-Hmac-Apps-SHA256' : 'X-Fourthwall-Hmac-SHA256'
    return ofBody(header, 'base64')(v)
  },
  aftership: (v) => {
    if ('am-webhook-signature' in v.headers) return ofBody('am-webhook-signature', 'base64', 'sha256', 'hmac-sha256=')(v)
    return ofBody('as-signature-hmac-sha256' in v.headers ? 'as-signature-hmac-sha256' : 'aftership-hmac-sha256', 'base64')(v)
  },
  commercelayer: ofBody('X-CommerceLayer-Signature', 'base64'),
  'qonto-onboarding': ofBody('Qonto-SHA256-Signature', 'hex'),
  column: ofBody('Column-Signature', 'hex'),
  worldpay: (v) => ({ headers: { 'Event-Signature': `1/SHA256/${hmac('sha256', Buffer.from(v.secret, 'hex'), v.body, 'hex')}` } }),
  'authorize-net': (v) => ({ headers: { 'X-ANET-Signature': `sha512=${hmac('sha512', v.secret, v.body, 'hex').toUpperCase()}` } }),
  cryptopay: ofBody('X-Cryptopay-Signature', 'hex'),
  sendcloud: ofBody('Sendcloud-Signature', 'hex'),
  flutterwave: ofBody('flutterwave-signature', 'base64'),
  paystack: ofBody('x-paystack-signature', 'hex', 'sha512'),
  ramp: ofBody('X-Ramp-Signature', 'hex'),
  veriff: (v) => ofBody('vrf-hmac-signature' in v.headers ? 'vrf-hmac-signature' : 'x-hmac-signature', 'hex')(v),
  printful: (v) => ({ headers: { 'x-pf-webhook-signature': hmac('sha256', Buffer.from(v.secret, 'hex'), v.body, 'hex') } }),
  pagarme: ofBody('X-Hub-Signature', 'hex', 'sha1', 'sha1='),
  'woovi-hmac': ofBody('X-OpenPix-Signature', 'base64', 'sha1'),
  bolt: ofBody('X-Bolt-Hmac-Sha256', 'base64'),
  primer: ofBody('X-Signature-Primary', 'base64'),
  squarespace: (v) => ({ headers: { 'Squarespace-Signature': hmac('sha256', Buffer.from(v.secret, 'hex'), v.body, 'hex') } }),
  chargify: ofBody('X-Chargify-Webhook-Signature-Hmac-Sha-256', 'hex'),
  nmi: ofBody('Signature', 'hex'),
  transfi: ofBody('X-Transfi-Hmac-Hash', 'hex'),
  tebex: (v) => ({ headers: { 'X-Signature': hmac('sha256', v.secret, hash('sha256', v.body, 'hex'), 'hex') } }),
  sumsub: (v) => {
    const [, algorithm] = /^HMAC_(SHA\d+)_HEX$/.exec(v.headers['x-payload-digest-alg'])
    return { headers: { 'X-Payload-Digest': hmac(algorithm.toLowerCase(), v.secret, v.body, 'hex') } }
  },

  // The time and the signature in one header.
  persona: (v) => {
    const times = v.headers['persona-signature'].split(' ').map((pair) => item(pair, 't'))
    const pairs = known(v.secrets, times.length).map((secret, i) => `t=${times[i]},v1=${hmac('sha256', secret, bytes(times[i], '.', v.body), 'hex')}`)
    return { headers: { 'Persona-Signature': pairs.join(' ') } }
  },
  tink: listed('X-Tink-Signature', 't', 'v1'),
  'mailchimp-signed': listed('X-Mailchimp-Signature', 't', 'v1'),
  qonto: listed('X-Qonto-Signature', 't', 'v1'),
  shippo: listed('Shippo-Auth-Signature', 't', 'v1'),
  mercury: listed('Mercury-Signature', 't', 'v1', { key: (s) => Buffer.from(s, 'base64') }),
  affirm: listed('X-Affirm-Signature', 't', 'v0', { algorithm: 'sha512' }),
  moonpay: listed('Moonpay-Signature-V2', 't', 's'),
  'zoho-payments': listed('X-Zoho-Webhook-Signature', 't', 'v'),
  ordergroove: listed('OrderGroove-Signature', 'ts', 'sig'),
  tabapay: (v) => {
    // v2 is the previous secret's.
    const t = item(v.headers['x-hmac-signature'], 't')
    const [current, previous] = known(v.secrets, 2)
    const by = (secret) => hmac('sha256', secret, bytes(t, '.', v.body), 'hex')
    return { headers: { 'X-HMAC-Signature': `t=${t},v1=${by(current)},v2=${by(previous)}` } }
  },
  'coinbase-cdp': (v) => {
    const value = v.headers['x-hook0-signature']
    const [t, h] = [item(value, 't'), item(value, 'h')]
    const v0 = hmac('sha256', v.secret, bytes(t, '.', v.body), 'hex')
    const values = h.split(' ').map((name) => v.headers[name]).join('.')
    const v1 = hmac('sha256', v.secret, bytes(t, '.', h, '.', values, '.', v.body), 'hex')
    return { headers: { 'X-Hook0-Signature': `t=${t},v0=${v0},h=${h},v1=${v1}` } }
  },
  revolut: (v) => {
    const by = (secret) => `v1=${hmac('sha256', secret, bytes('v1.', v.headers['revolut-request-timestamp'], '.', v.body), 'hex')}`
    const n = v.headers['revolut-signature'].split(',').length
    return { headers: { 'Revolut-Signature': known(v.secrets, n).map(by).join(',') } }
  },

  // The time in a header of its own.
  cashfree: (v) => ({
    headers: { 'x-webhook-signature': hmac('sha256', v.secret, bytes(v.headers['x-webhook-timestamp'], v.body), 'base64') },
  }),
  'cashfree-baas': (v) => ({
    headers: { 'x-cashfree-signature': hmac('sha256', v.secret, bytes(v.headers['x-cashfree-timestamp'], '.', v.body), 'base64') },
  }),
  bluesnap: (v) => ({ headers: { 'bls-signature': hmac('sha256', v.secret, bytes(v.headers['bls-ipn-timestamp'], v.body), 'hex') } }),
  method: (v) => ({
    headers: {
      'method-webhook-signature': hmac('sha256', v.secret, bytes(v.headers['method-webhook-timestamp'], ':', v.body), 'hex'),
    },
  }),
  airwallex: (v) => ({ headers: { 'x-signature': hmac('sha256', v.secret, bytes(v.headers['x-timestamp'], v.body), 'hex') } }),
  lob: (v) => ({
    headers: { 'Lob-Signature': hmac('sha256', v.secret, bytes(v.headers['lob-signature-timestamp'], '.', v.body), 'hex') },
  }),

  // The URL too.
  powens: (v) => ({
    headers: {
      'BI-Signature': hmac('sha256', v.secret, bytes('POST.', v.target, '.', v.headers['bi-signature-date'], '.', v.body), 'base64'),
    },
  }),
  rapyd: (v) => {
    const { salt, timestamp } = v.headers
    const hex = hmac('sha256', v.secret, bytes(v.url, salt, timestamp, v.options.access_key, v.secret, v.body), 'hex')
    return { headers: { signature: Buffer.from(hex).toString('base64') } }
  },

  // Plain hashes with the secret inside, and signatures in the body.
  ppro: (v) => ({ headers: { 'Webhook-Signature': hash('sha256', bytes(v.body, '.', v.secret), 'hex') } }),
  'midtrans-payouts': (v) => ({ headers: { 'Iris-Signature': hash('sha512', bytes(v.body, v.secret), 'hex') } }),
  'phonepe-v1': (v) => ({ headers: { 'X-VERIFY': `${hash('sha256', v.json.response + v.secret, 'hex')}###1` } }),
  midtrans: (v) => {
    const { order_id: id, status_code: status, gross_amount: amount } = v.json
    return { json: { signature_key: hash('sha512', id + status + amount + v.secret, 'hex') } }
  },
  noon: (v) => {
    const { orderId, orderStatus, eventId, eventType, timeStamp } = v.json
    return { json: { signature: hmac('sha512', v.secret, [orderId, orderStatus, eventId, eventType, timeStamp].join(','), 'base64') } }
  },

  // Public keys.
  'adobe-commerce': (v) =>
    verify('sha256', Buffer.from(v.body.toString('base64')), pem(v.secret), Buffer.from(v.headers['x-adobe-commerce-webhook-signature'], 'base64')),
  woovi: (v) => {
    const published = v.files['https://api.woovi.com/api/v1/webhook/public-keys']
    const key = v.secret ?? JSON.parse(published).public_keys.find((k) => k.is_current).key
    return verify('sha256', v.body, pem(key), Buffer.from(v.headers['x-webhook-signature'], 'base64'))
  },
  bridge: (v) => {
    const [, t, signature] = /^t=(\d+),v0=(.+)$/.exec(v.headers['x-webhook-signature'])
    const digest = createHash('sha256').update(`${t}.`).update(v.body).digest()
    return verify('sha256', digest, pem(v.secret), Buffer.from(signature, 'base64'))
  },
  circle: (v) => {
    const url = `https://api.circle.com/v2/notifications/publicKey/${v.headers['x-circle-key-id']}`
    const der = Buffer.from(JSON.parse(v.files[url]).data.publicKey, 'base64')
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
    return verify('sha256', v.body, key, Buffer.from(v.headers['x-circle-signature'], 'base64'))
  },
  'integrated-finance': (v) => {
    const header = (name) => v.headers[`x-webhook-${name}`]
    const message = [
      hash('sha512', v.body, 'base64'),
      header('event-id'),
      header('event-timestamp'),
      header('request-id'),
      header('request-timestamp'),
      header('key-version'),
    ].join('|')
    return verify(null, Buffer.from(message), pem(v.secret), Buffer.from(header('signature'), 'base64'))
  },
}
