// Libraries of people other than the provider. jose and jsonwebtoken do the tokens that some
// documents leave to "your JWT library"; hashes that stand in a token are compared here.
import { WebhookVerificationService } from '@hookflo/tern'
import { SignJWT, FlattenedSign, flattenedVerify, jwtVerify } from 'jose'
import jsonwebtoken from 'jsonwebtoken'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { Readable } from 'node:stream'
import travis from 'travisci-webhook-handler'
import YouTubeNotifier from 'youtube-notification'
import { judge } from './judge.mjs'

const secret = 'test secret'
const pem = (key) => key.export({ type: key.type === 'public' ? 'spki' : 'pkcs8', format: 'pem' }).toString()

// A stream with the members of an incoming request that the older libraries look at.
const incoming = (r) => Object.assign(Readable.from([r.body]), {
  method: r.method, url: new URL(r.url).pathname, headers: { ...r.headers, 'content-length': String(r.body.length) },
})

// What tern assumes of a sender that it has no name for is our generic row, and with a header
// named to it the other two.
for (const [provider, platform, signatureConfig] of [
  ['generic', 'unknown'],
  ['taskflow', 'custom', { algorithm: 'hmac-sha256', headerName: 'x-taskflow-signature', headerFormat: 'prefixed', prefix: 'sha256=', payloadFormat: 'raw' }],
  ['toolify', 'custom', { algorithm: 'custom', headerName: 'x-webhook-signature', headerFormat: 'raw', customConfig: { type: 'token-based' } }],
]) {
  judge({
    provider,
    sdk: '@hookflo/tern',
    secret,
    weakness: 'It checks no time.',
    ...(provider === 'toolify' && { blind: 'body' }),
    verify: async (r) => {
      const request = new Request(r.url, { method: r.method, headers: r.headers, body: r.body })
      const { isValid } = await WebhookVerificationService.verify(request, { platform, secret, signatureConfig })
      return isValid
    },
  })
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
judge({
  provider: 'travis',
  sdk: 'travisci-webhook-handler',
  secret: pem(rsa.publicKey),
  private: pem(rsa.privateKey),
  weakness: 'It checks the payload as it would be written anew.',
  verify: (r) => new Promise((resolve, reject) => {
    const response = { writeHead: () => {}, end: () => {} }
    const handler = travis({ path: '/in', public_key: pem(rsa.publicKey) })
    handler.on('*', () => resolve(true))
    handler(incoming(r), response, (error) => reject(error ?? new Error('another path')))
  }),
})

judge({
  provider: 'youtube',
  sdk: 'youtube-notification',
  secret,
  body: `<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:yt="http://www.youtube.com/xml/schemas/2015" xmlns="http://www.w3.org/2005/Atom"><link rel="hub" href="https://pubsubhubbub.appspot.com"/>
<link rel="self" href="https://www.youtube.com/xml/feeds/videos.xml?channel_id=CHANNEL_ID"/><title>YouTube video feed</title><updated>2015-04-01T19:05:24.552394234+00:00</updated>
<entry><id>yt:video:VIDEO_ID</id><yt:videoId>VIDEO_ID</yt:videoId><yt:channelId>CHANNEL_ID</yt:channelId><title>Video title</title>
<link rel="alternate" href="http://www.youtube.com/watch?v=VIDEO_ID"/><author><name>Channel title</name><uri>http://www.youtube.com/channel/CHANNEL_ID</uri></author>
<published>2015-03-06T21:40:57+00:00</published><updated>2015-03-09T19:05:24.552394234+00:00</updated></entry></feed>
<!-- the end -->`,
  weakness: 'It does not compare in constant time.',
  verify: (r) => new Promise((resolve) => {
    const notifier = new YouTubeNotifier({ hubCallback: r.url, secret, middleware: true })
    const response = { status: () => response, set: () => response, end: () => resolve(false), sendStatus: () => resolve(false) }
    notifier.on('notified', () => resolve(true))
    notifier.listener()(incoming(r), response)
  }),
})

judge({
  provider: 'monday',
  sdk: 'jsonwebtoken',
  secret,
  options: { audience: 'https://hooks.example.com/in' },
  blind: 'body',
  sign: (r) => r.set('authorization', jsonwebtoken.sign({ accountId: 1825529, userId: 4012689 }, secret, { audience: r.url, expiresIn: '5m' })),
  verify: (r) => jsonwebtoken.verify(r.header('authorization'), secret, { algorithms: ['HS256'], audience: r.url }),
})

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const hash = (r) => createHash('sha256').update(r.body).digest('hex')
judge({
  provider: 'plaid',
  sdk: 'jose',
  secret: JSON.stringify(ec.publicKey.export({ format: 'jwk' })),
  private: pem(ec.privateKey),
  options: { client_id: '5f0000000000000000000000', client_secret: 'not-a-real-secret' },
  sign: async (r) => {
    const token = new SignJWT({ request_body_sha256: hash(r) }).setProtectedHeader({ alg: 'ES256', kid: 'key-1', typ: 'JWT' }).setIssuedAt()
    r.set('plaid-verification', await token.sign(ec.privateKey))
  },
  verify: async (r) => {
    const { payload } = await jwtVerify(r.header('plaid-verification'), ec.publicKey, { algorithms: ['ES256'], maxTokenAge: '5m' })
    return payload.request_body_sha256 === hash(r)
  },
})

const ed = generateKeyPairSync('ed25519')
const neonPayload = (r) => Buffer.from(`${r.header('x-neon-timestamp')}.${r.body.toString('base64url')}`)
judge({
  provider: 'neon-auth',
  sdk: 'jose',
  secret: pem(ed.publicKey),
  private: pem(ed.privateKey),
  options: { auth_url: 'https://ep-example-123456.neonauth.us-east-2.aws.neon.tech/neondb/auth' },
  sign: async (r, now) => {
    r.set('x-neon-timestamp', now.getTime())
    const jws = await new FlattenedSign(neonPayload(r)).setProtectedHeader({ alg: 'EdDSA', kid: r.header('x-neon-signature-kid') }).sign(ed.privateKey)
    r.set('x-neon-signature', `${jws.protected}..${jws.signature}`)
  },
  verify: async (r) => {
    const [header, , signature] = r.header('x-neon-signature').split('.')
    return Boolean(await flattenedVerify({ protected: header, payload: neonPayload(r).toString('base64url'), signature }, ed.publicKey))
  },
})
