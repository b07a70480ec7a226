// Signers of the providers whose way of signing is code, written after their
// documents and libraries (the addresses stand in each provider's row).
import { createHash, createHmac, createPublicKey, createVerify } from 'node:crypto'

const mac = (hash, key, text, encoding) => createHmac(hash, key).update(text).digest(encoding)
const digest = (hash, text, encoding = 'hex') => createHash(hash).update(text).digest(encoding)
const byName = ([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)
const without = (form, name) => [...form].filter(([key]) => key !== name)

// A public key stands in a vector as DER in base64, on one line.
const publicKey = (der) => createPublicKey({ key: Buffer.from(der, 'base64'), format: 'der', type: 'spki' })
const rsaRight = (hash, key, text, signature) =>
  createVerify(hash).update(text).verify(publicKey(key), Buffer.from(signature, 'base64'))

const twilio = (v) => {
  let text = v.url
  if (new URL(v.url).searchParams.has('bodySHA256')) {
    if (new URL(v.url).searchParams.get('bodySHA256') !== digest('sha256', v.body)) return false
  } else {
    for (const name of [...new Set(v.form.keys())].sort())
      for (const value of [...new Set(v.form.getAll(name))].sort()) text += name + value
  }
  const hash = /(?:^|,)algorithm=HMAC_SHA256(?:,|$)/.test(v.headers['x-twilio-webhooks-signature-settings']) ? 'sha256' : 'sha1'
  return { headers: { 'x-twilio-signature': mac(hash, v.secret, text, 'base64') } }
}

const mandrill = (v) => {
  const fields = [...v.form].sort(byName).flat().join('')
  return { headers: { 'x-mandrill-signature': mac('sha1', v.secret, v.url + fields, 'base64') } }
}

const vonage = (v) => {
  const isJSON = v.body.length > 0 && v.body[0] === 0x7b
  const place = v.body.length === 0 ? 'query' : isJSON ? 'json' : 'form'
  const fields = { query: () => new URL(v.url).searchParams, form: () => v.form, json: () => Object.entries(v.json) }[place]()
  const text = without(fields, 'sig').sort(byName).map(([k, value]) => `&${k}=${value.replace(/[&=]/g, '_')}`).join('')
  const algorithm = v.options.algorithm ?? 'sha256'
  const sig = algorithm === 'md5hash' ? digest('md5', text + v.secret) : mac(algorithm, v.secret, text, 'hex')
  return { [place]: { sig } }
}

const contentful = (v) => {
  const [path, query] = v.target.split('?')
  const uri = encodeURI(query ? `${path}?${encodeURIComponent(query)}` : path)
  const headers = v.headers['x-contentful-signed-headers'].split(',').sort().map((h) => `${h}:${v.headers[h]}`).join(';')
  const text = Buffer.concat([Buffer.from(`${v.method}\n${uri}\n${headers}\n`), v.body])
  return { headers: { 'x-contentful-signature': mac('sha256', v.secret, text, 'hex') } }
}

const segment = (v) => {
  const text = Array.isArray(v.json) ? JSON.stringify(v.json[0]) : v.body
  return { headers: { 'x-signature': mac('sha1', v.secret, text, 'hex') } }
}

const hygraph = (v) => {
  const [, env, t] = /, env=(.*), t=(\d+)$/.exec(v.headers['gcms-signature'])
  const text = JSON.stringify({ Body: v.body.toString(), EnvironmentName: env, TimeStamp: Number(t) })
  return { headers: { 'gcms-signature': `sign=${mac('sha256', v.secret, text, 'base64')}, env=${env}, t=${t}` } }
}

const adyen = (v) => {
  const json = {}
  v.json.notificationItems.forEach(({ NotificationRequestItem: n }, i) => {
    const text = [n.pspReference, n.originalReference, n.merchantAccountCode, n.merchantReference,
      n.amount.value, n.amount.currency, n.eventCode, n.success].join(':')
    json[`notificationItems.${i}.NotificationRequestItem.additionalData.hmacSignature`] =
      mac('sha256', Buffer.from(v.secret, 'hex'), text, 'base64')
  })
  return { json }
}

const braintree = (v) => {
  const keys = v.options.public_key.split(' ')
  const pairs = v.secrets.map((secret, i) =>
    `${keys[i]}|${mac('sha1', digest('sha1', secret, null), v.form.get('bt_payload'), 'hex')}`)
  return { form: { bt_signature: pairs.join('&') } }
}

const paddleClassic = (v) => {
  const fields = without(v.form, 'p_signature').sort(byName)
  const php = (s) => `s:${Buffer.byteLength(s)}:"${s}";`
  const text = `a:${fields.length}:{${fields.map(([k, value]) => php(k) + php(value)).join('')}}`
  return rsaRight('RSA-SHA1', v.secret, text, v.form.get('p_signature'))
}

const mercadopago = (v) => {
  const ts = /ts=(\d+)/.exec(v.headers['x-signature'])[1]
  const id = new URL(v.url).searchParams.get('data.id')
  const request = v.headers['x-request-id']
  const text = (id ? `id:${id.toLowerCase()};` : '') + (request ? `request-id:${request};` : '') + `ts:${ts};`
  return { headers: { 'x-signature': `ts=${ts},v1=${mac('sha256', v.secret, text, 'hex')}` } }
}

const treezor = (v) => {
  const text = JSON.stringify(v.json.object_payload)
    .replaceAll('/', '\\/')
    .replace(/[\u0080-\uffff]/g, (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'))
  return { json: { object_payload_signature: mac('sha256', v.secret, text, 'base64') } }
}

const trustpay = (v) => {
  const leaves = (x) =>
    x !== null && typeof x === 'object' ? Object.values(x).flatMap(leaves) : [typeof x === 'number' ? x.toFixed(2) : String(x)]
  const { Signature, ...rest } = v.json
  return { json: { Signature: mac('sha256', v.secret, leaves(rest).sort().join('/'), 'hex').toUpperCase() } }
}

const novalnet = (v) => {
  const { event, result, transaction } = v.json
  const text = `${event.tid}${event.type}${result.status}${transaction?.amount ?? ''}${transaction?.currency ?? ''}`
  return { json: { 'event.checksum': digest('sha256', text + [...v.secret].reverse().join('')) } }
}

const nowpayments = (v) => {
  const sorted = (x) =>
    Object.keys(x).sort().reduce((y, k) => ({ ...y, [k]: x[k] && typeof x[k] === 'object' && !Array.isArray(x[k]) ? sorted(x[k]) : x[k] }), {})
  return { headers: { 'x-nowpayments-sig': mac('sha512', v.secret, JSON.stringify(sorted(v.json)), 'hex') } }
}

const midtransSNAPBI = (v) => {
  const path = v.options.path ?? new URL(v.url).pathname.replace(/^.*(?=\/v1\.0\/)/, '')
  const text = `POST:${path}:${digest('sha256', JSON.stringify(v.json))}:${v.headers['x-timestamp']}`
  return rsaRight('RSA-SHA256', v.secret, text, v.headers['x-signature'])
}

const abacatepayKey =
  't9dXRhHHo3yDEj5pVDYz0frf7q6bMKyMRmxxCPIPp3RCplBfXRxqlC6ZpiWmOqj4L63qEaeUOtrCI8P0VMUgo6iIga2ri9ogaHFs0WIIywSMg0q7RmBfybe1E5XJcfC4IW3alNqym0tXoAKkzvfEjZxV6bE0oG2zJrNNYmUCKZyV0KZ3JS8Votf9EAWWYdiDkMkpbMdPggfh1EqHlVkMiTady6jOR3hyzGEHrIz2Ret0xHKMbiqkr9HS1JhNHDX9'
const abacatepay = (v) => ({
  headers: { 'x-webhook-secret': v.secret, 'x-webhook-signature': mac('sha256', abacatepayKey, v.body, 'base64') },
})

export const signers = {
  twilio, mandrill, 'vonage-sms-sig': vonage, contentful, segment, hygraph, adyen, braintree,
  'paddle-classic': paddleClassic, mercadopago, treezor, trustpay, novalnet, nowpayments,
  'midtrans-snap-bi': midtransSNAPBI, abacatepay,
}
