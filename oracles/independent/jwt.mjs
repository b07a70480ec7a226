// Providers that send JSON web tokens, and those whose keys are in a key set. Each
// function tells whether a request is what its provider's documentation has
// receivers check; a signature with a private key cannot be made twice alike.
import { createHash, createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto'

const sha256 = (data, encoding) => createHash('sha256').update(data).digest(encoding)

// pem turns what is pasted on one line into a key.
const pem = (text) =>
  createPublicKey(text.startsWith('-----') ? text.replaceAll('\\n', '\n') : { key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' })

// keys of the key set that a vector brings along.
const keySet = (v, url) =>
  JSON.parse(v.files[url]).keys.map((jwk) => ({ id: jwk.kid, key: createPublicKey({ key: jwk, format: 'jwk' }) }))

// claims returns what a token claims if one of the keys made it, else null. A key
// is a shared secret for the HS algorithms.
function claims(token, keys, algorithms) {
  const [head, body, signature, ...more] = token.split('.')
  if (more.length || !signature) return null
  const header = JSON.parse(Buffer.from(head, 'base64url'))
  if (!algorithms.includes(header.alg)) return null
  const signed = Buffer.from(`${head}.${body}`)
  const given = Buffer.from(signature, 'base64url')
  const hash = `sha${header.alg.slice(2)}`
  const made = (key) => {
    if (header.alg.startsWith('HS')) {
      const want = createHmac(hash, key).update(signed).digest()
      return want.length === given.length && timingSafeEqual(want, given)
    }
    if (header.alg.startsWith('ES')) return verify(hash, signed, { key, dsaEncoding: 'ieee-p1363' }, given)
    return verify(hash, signed, key, given)
  }
  const fitting = keys.filter((k) => !k.id || !header.kid || k.id === header.kid).map((k) => k.key ?? k)
  return fitting.some(made) ? JSON.parse(Buffer.from(body, 'base64url')) : null
}

// alive tells whether a token is valid when the vector says that it came.
const alive = (v, c) => {
  const now = Date.parse(v.now) / 1000
  return c.exp > now && !(c.nbf > now)
}

export const signers = {
  jwt: (v) => claims(v.headers['x-token'], v.secrets, ['HS256'])?.sha256 === sha256(v.body, 'hex'),

  netlify(v) {
    const c = claims(v.headers['x-webhook-signature'], v.secrets, ['HS256'])
    return c?.iss === 'netlify' && c.sha256 === sha256(v.body, 'hex')
  },

  'vonage-jwt'(v) {
    const c = claims(v.headers.authorization.replace('Bearer ', ''), v.secrets, ['HS256'])
    return c?.payload_hash === sha256(v.body, 'hex')
  },

  monday(v) {
    const c = claims(v.headers.authorization, v.secrets, ['HS256'])
    return c !== null && alive(v, c) && c.aud === v.url
  },

  'upstash-qstash'(v) {
    const c = claims(v.headers['upstash-signature'], v.secrets, ['HS256'])
    return c !== null && alive(v, c) && c.iss === 'Upstash' && c.sub === v.options.destination &&
      c.body.replace(/=+$/, '') === sha256(v.body, 'base64url')
  },

  gong(v) {
    const c = claims(v.headers.authorization.replace('Bearer ', ''), [pem(v.secret)], ['RS256'])
    return c !== null && alive(v, c) && c.body_sha256 === sha256(v.body, 'hex') && c.webhook_url === v.url
  },

  livekit(v) {
    const named = v.options.key?.split(' ')
    const { iss } = JSON.parse(Buffer.from(v.headers.authorization.split('.')[1], 'base64url'))
    const c = claims(v.headers.authorization, [v.secrets[named ? named.indexOf(iss) : 0]], ['HS256'])
    return c !== null && alive(v, c) && c.sha256 === sha256(v.body, 'base64')
  },

  fusionauth(v) {
    const keys = v.options.jwks_url ? keySet(v, v.options.jwks_url) : v.secrets
    const c = claims(v.headers['x-fusionauth-signature-jwt'], keys, ['HS256', 'RS256', 'ES256'])
    return c?.request_body_sha256 === sha256(v.body, 'base64')
  },

  fal(v) {
    const header = (name) => v.headers[`x-fal-webhook-${name}`]
    const message = [header('request-id'), header('user-id'), header('timestamp'), sha256(v.body, 'hex')].join('\n')
    return keySet(v, 'https://rest.alpha.fal.ai/.well-known/jwks.json').some(({ key }) =>
      verify(null, Buffer.from(message), key, Buffer.from(header('signature'), 'hex')))
  },

  kick(v) {
    const header = (name) => v.headers[`kick-event-${name}`]
    const message = Buffer.concat([Buffer.from(`${header('message-id')}.${header('message-timestamp')}.`), v.body])
    return verify('sha256', message, pem(v.secret), Buffer.from(header('signature'), 'base64'))
  },

  shipstation(v) {
    const header = (name) => v.headers[`x-shipengine-${name}`]
    const { key } = keySet(v, 'https://api.shipengine.com/jwks').find(({ id }) => id === header('rsa-sha256-key-id'))
    const message = Buffer.concat([Buffer.from(`${header('timestamp')}.`), v.body])
    return verify('sha256', message, key, Buffer.from(header('rsa-sha256-signature'), 'base64'))
  },
}
