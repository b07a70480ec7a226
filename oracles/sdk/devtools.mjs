// Developer tools, clouds and realtime.
import { verifyWebhookSignature as hookdeck } from '@hookdeck/sdk/webhooks/helpers.js'
import { LinearWebhookClient } from '@linear/sdk/webhooks'
import { verifyWebhookRequest as lovable } from '@lovable.dev/webhooks-js'
import { sign, verify } from '@octokit/webhooks-methods'
import { Receiver } from '@upstash/qstash'
import { OAuth2Client } from 'google-auth-library'
import { AccessToken, WebhookReceiver } from 'livekit-server-sdk'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import https from 'node:https'
import { promisify } from 'node:util'
import Pusher from 'pusher'
import PusherToken from 'pusher/lib/token.js'
import { generate } from 'selfsigned'
import MessageValidator from 'sns-validator'
import { judge } from './judge.mjs'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const publicPEM = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString()
const privatePEM = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

const secret = "It's a Secret to Everybody"

judge({
  provider: 'github',
  sdk: '@octokit/webhooks-methods',
  secret,
  sign: async (r) => r.set('x-hub-signature-256', await sign(secret, r.text)),
  verify: (r) => verify(secret, r.text, r.header('x-hub-signature-256')),
})

judge({
  provider: 'linear',
  sdk: '@linear/sdk',
  secret: 'lin_wh_test',
  verify: (r) => new LinearWebhookClient('lin_wh_test').verify(r.body, r.header('linear-signature')),
})

judge({
  provider: 'livekit',
  sdk: 'livekit-server-sdk',
  secret: 'test secret of thirty-two octets',
  options: { key: 'APItest1234' },
  sign: async (r) => {
    const token = new AccessToken('APItest1234', 'test secret of thirty-two octets', { ttl: '5m' })
    token.sha256 = createHash('sha256').update(r.body).digest('base64')
    r.set('authorization', await token.toJwt())
  },
  verify: (r) => new WebhookReceiver('APItest1234', 'test secret of thirty-two octets').receive(r.text, r.header('authorization')),
})

const pusher = new Pusher({ appId: '1', key: '278d425bdf160c739803', secret: 'test secret', cluster: 'mt1' })
judge({
  provider: 'pusher',
  sdk: 'pusher',
  secret: 'test secret',
  options: { key: '278d425bdf160c739803' },
  sign: (r) => {
    r.set('x-pusher-key', '278d425bdf160c739803')
    r.set('x-pusher-signature', new PusherToken('278d425bdf160c739803', 'test secret').sign(r.text))
  },
  verify: (r) => pusher.webhook({ headers: r.headers, rawBody: r.text }).isValid(),
})

judge({
  provider: 'hookdeck',
  sdk: '@hookdeck/sdk',
  secret,
  weakness: 'It does not compare in constant time.',
  verify: async (r) => (await hookdeck({ headers: r.headers, rawBody: r.text, signingSecret: secret })).isValidSignature,
})

// What Google's library does after it has fetched the certificates. Our token
// names no key, which is a name as well.
judge({
  provider: 'gcp-pubsub',
  sdk: 'google-auth-library',
  secret: publicPEM,
  private: privatePEM,
  options: { audience: 'https://hooks.example.com/in', service_account: 'push@project.iam.gserviceaccount.com' },
  blind: 'body',
  weakness: 'It leaves the service account to its caller.',
  verify: (r) => new OAuth2Client().verifySignedJwtWithCertsAsync(
    r.header('authorization').replace('Bearer ', ''), { undefined: publicPEM }, 'https://hooks.example.com/in', ['https://accounts.google.com'],
  ),
})

// The validator fetches the key from the URL in the message, which is not signed.
// It may say which hosts are Amazon's, so here it is this one.
judge({
  provider: 'aws-sns',
  sdk: 'sns-validator',
  secret: publicPEM,
  private: privatePEM,
  options: { topic_arn: 'arn:aws:sns:us-west-2:123456789012:MyTopic' },
  weakness: 'It checks neither the topic nor the time.',
  // A signed member comes last, which is what is forged.
  body: '{"Type":"Notification","MessageId":"22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324","TopicArn":"arn:aws:sns:us-west-2:123456789012:MyTopic",' +
    '"Timestamp":"2026-01-01T12:00:00.000Z","SignatureVersion":"2","Signature":"","SigningCertURL":' +
    '"https://sns.us-west-2.amazonaws.com/SimpleNotificationService-00000000000000000000000000000000.pem","Message":"order 1001 was paid"}',
  verify: async (r) => {
    const message = { ...r.json, SigningCertURL: await keyServer() }
    const validator = new MessageValidator(/^localhost:\d+$/)
    return promisify(validator.validate.bind(validator))(message)
  },
})

// keyServer returns the URL at which a server of our own has the public key.
let serving
function keyServer() {
  return (serving ??= (async () => {
    const tls = await generate([{ name: 'commonName', value: 'localhost' }], {
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
    })
    https.globalAgent.options.ca = tls.cert
    const server = https.createServer({ key: tls.private, cert: tls.cert }, (request, response) => response.end(publicPEM))
    server.listen(0, 'localhost').unref()
    await once(server, 'listening')
    return `https://localhost:${server.address().port}/key.pem`
  })())
}

const qstash = new Receiver({ currentSigningKey: 'sig_current test key', nextSigningKey: 'sig_next test key' })
for (const key of ['sig_current test key', 'sig_next test key']) {
  judge({
    provider: 'upstash-qstash',
    sdk: '@upstash/qstash',
    secret: key,
    options: { destination: 'https://hooks.example.com/in' },
    weakness: 'It takes a token without an end.',
    verify: (r) => qstash.verify({ signature: r.header('upstash-signature'), body: r.text, url: r.url }),
  })
}

judge({
  provider: 'lovable',
  sdk: '@lovable.dev/webhooks-js',
  secret: 'test key',
  verify: (r) => lovable({
    req: new Request(r.url, { method: r.method, headers: r.headers, body: r.body }), secret: 'test key',
  }),
})
