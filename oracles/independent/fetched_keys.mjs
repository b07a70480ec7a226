// Signers of the providers whose keys are fetched, written after their documents
// (the addresses stand in each provider's row). The private keys are nobody's here:
// what is told is whether the signature in a vector is right.
import { X509Certificate, createHash, createPublicKey, timingSafeEqual, verify } from 'node:crypto'
import { crc32 } from 'node:zlib'

const sha256 = (text, encoding) => createHash('sha256').update(text).digest(encoding)
const json = (text) => JSON.parse(text)
const decode = (text) => JSON.parse(Buffer.from(text, 'base64url'))

// A document of a vector, or the secret, which takes its place.
const document = (v, url) => v.files[url]
const secretKey = (v) => createPublicKey({ key: Buffer.from(v.secret, 'base64'), format: 'der', type: 'spki' })
const jwk = (keys, kid) => createPublicKey({ key: keys.find((k) => k.kid === kid), format: 'jwk' })

const hashes = { RS256: 'sha256', ES256: 'sha256', ES512: 'sha512', EdDSA: null }

// The signature of a compact token (RFC 7515), over the payload if it is detached.
const tokenRight = (token, key, payload) => {
  const [header, attached, signature] = token.split('.')
  const { alg } = decode(header)
  const body = payload === undefined ? attached : Buffer.from(payload).toString('base64url')
  return verify(hashes[alg], Buffer.from(`${header}.${body}`), { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))
}

const awsSNS = (v) => {
  const m = v.json
  const text = ['Message', 'MessageId', 'Subject', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']
    .filter((name) => m[name] !== undefined).map((name) => `${name}\n${m[name]}\n`).join('')
  const key = new X509Certificate(document(v, m.SigningCertURL)).publicKey
  return verify({ 1: 'sha1', 2: 'sha256' }[m.SignatureVersion], Buffer.from(text), key, Buffer.from(m.Signature, 'base64'))
}

const paypal = (v) => {
  const h = (name) => v.headers[`paypal-${name}`]
  const text = [h('transmission-id'), h('transmission-time'), v.options.webhook_id, crc32(v.body)].join('|')
  const key = v.secret ? secretKey(v) : new X509Certificate(document(v, h('cert-url'))).publicKey
  return verify('sha256', Buffer.from(text), key, Buffer.from(h('transmission-sig'), 'base64'))
}

const plaid = (v) => {
  const token = v.headers['plaid-verification']
  const { key } = json(document(v, 'https://production.plaid.com/webhook_verification_key/get'))
  const { request_body_sha256: hash } = decode(token.split('.')[1])
  return hash === sha256(v.body, 'hex') && tokenRight(token, createPublicKey({ key, format: 'jwk' }))
}

const ebay = (v) => {
  const header = json(Buffer.from(v.headers['x-ebay-signature'], 'base64'))
  const { key } = json(document(v, `https://api.ebay.com/commerce/notification/v1/public_key/${header.kid}`))
  const pem = key.replace('-----BEGIN PUBLIC KEY-----', '$&\n').replace('-----END PUBLIC KEY-----', '\n$&')
  return verify('sha1', Buffer.from(JSON.stringify(v.json)), createPublicKey(pem), Buffer.from(header.signature, 'base64'))
}

const truelayer = (v) => {
  const token = v.headers['tl-signature']
  const { kid, jku, tl_headers: names } = decode(token.split('.')[0])
  const headers = names.split(',').map((name) => `${name}: ${v.headers[name.toLowerCase()]}\n`).join('')
  const payload = Buffer.concat([Buffer.from(`${v.method} ${v.target}\n${headers}`), v.body])
  return tokenRight(token, jwk(json(document(v, jku)).keys, kid), payload)
}

const mailchannels = (v) => {
  const [, label, parameters] = /^(\w+)=(.*)$/.exec(v.headers['signature-input'])
  const [, signature] = new RegExp(`${label}=:(.*):`).exec(v.headers.signature)
  const [, kid] = /keyid="(.*?)"/.exec(parameters)
  const { key } = json(document(v, `https://api.mailchannels.net/tx/v1/webhook/public-key?id=${kid}`))
  const digest = v.headers['content-digest']
  const base = `"content-digest": ${digest}\n"@signature-params": ${parameters}`
  const spki = createPublicKey({ key: Buffer.from(key, 'base64'), format: 'der', type: 'spki' })
  return digest === `sha-256=:${sha256(v.body, 'base64')}:` && verify(null, Buffer.from(base), spki, Buffer.from(signature, 'base64'))
}

const gcpPubSub = (v) => {
  const token = v.headers.authorization.replace('Bearer ', '')
  const { kid } = decode(token.split('.')[0])
  const claims = decode(token.split('.')[1])
  return claims.aud === v.options.audience && claims.email === v.options.service_account && claims.email_verified === true &&
    claims.iss === 'https://accounts.google.com' &&
    tokenRight(token, jwk(json(document(v, 'https://www.googleapis.com/oauth2/v3/certs')).keys, kid))
}

const microsoftGraph = (v) => {
  const equal = (a, b) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))
  return v.json.value.every((n) => equal(n.clientState, v.secret)) &&
    (v.json.validationTokens ?? []).every((token) => {
      const { kid } = decode(token.split('.')[0])
      const { aud, azp, appid } = decode(token.split('.')[1])
      return aud === v.options.app_id && (azp ?? appid) === '0bf30f3b-4a52-48df-9a82-234910c4a086' &&
        tokenRight(token, jwk(json(document(v, 'https://login.microsoftonline.com/common/discovery/v2.0/keys')).keys, kid))
    })
}

const neonAuth = (v) => {
  const payload = `${v.headers['x-neon-timestamp']}.${v.body.toString('base64url')}`
  const keys = json(document(v, `${v.options.auth_url}/.well-known/jwks.json`)).keys
  return tokenRight(v.headers['x-neon-signature'], jwk(keys, v.headers['x-neon-signature-kid']), payload)
}

export const signers = {
  'aws-sns': awsSNS, paypal, plaid, ebay, truelayer, mailchannels,
  'gcp-pubsub': gcpPubSub, 'microsoft-graph': microsoftGraph, 'neon-auth': neonAuth,
}
