// Messages, calls, mail and meetings.
import * as line from '@line/bot-sdk'
import { EventWebhook, EventWebhookHeader } from '@sendgrid/eventwebhook'
import bolt from '@slack/bolt'
import { AlgorithmTypes, Auth } from '@vonage/auth'
import { verifySignature as vonage } from '@vonage/jwt'
import { SMS } from '@vonage/sms'
import { AwsLambdaReceiver } from '@zoom/rivet/marketplace'
import acuity from 'acuityscheduling'
import { Crisp } from 'crisp-api'
import { verifyKey } from 'discord-interactions'
import { Webhooks } from 'mailchannels-sdk'
import messagebird from 'messagebird/lib/signature.js'
import bird from 'messagebird/lib/webhook-signature-jwt.js'
import { Bot, webhookCallback } from 'grammy'
import { createSecretKey, generateKeyPairSync } from 'node:crypto'
import plivo from 'plivo'
import { StreamChat } from 'stream-chat'
import Telnyx from 'telnyx'
import twilio from 'twilio'
import { validateSignature as twitter } from 'twitter-autohook'
import { judge } from './judge.mjs'

const pem = (key) => key.export({ type: 'pkcs8', format: 'pem' }).toString()
const ed25519 = generateKeyPairSync('ed25519')
const raw = Buffer.from(ed25519.publicKey.export({ format: 'jwk' }).x, 'base64url')
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })

const slackSecret = '8f742231b10e8888abcd99yyyzzz85a5'
judge({
  provider: 'slack',
  sdk: '@slack/bolt',
  secret: slackSecret,
  weakness: 'It takes times from the future.',
  verify: (r) => {
    bolt.verifySlackRequest({
      signingSecret: slackSecret,
      body: r.text,
      headers: {
        'x-slack-signature': r.header('x-slack-signature'),
        'x-slack-request-timestamp': Number(r.header('x-slack-request-timestamp')),
      },
    })
    return true
  },
})

for (const provider of ['discord', 'discord-interactions']) {
  judge({
    provider,
    sdk: 'discord-interactions',
    secret: raw.toString('hex'),
    private: pem(ed25519.privateKey),
    weakness: 'It checks no time.',
    verify: (r) => verifyKey(r.body, r.header('x-signature-ed25519'), r.header('x-signature-timestamp'), raw.toString('hex')),
  })
}

const twilioURL = 'https://hooks.example.com/myapp.php?foo=1&bar=2'
judge({
  provider: 'twilio',
  sdk: 'twilio',
  secret: '12345',
  url: twilioURL,
  sign: (r) => r.set('x-twilio-signature', twilio.getExpectedTwilioSignature('12345', r.url, r.form)),
  verify: (r) => twilio.validateRequest('12345', r.header('x-twilio-signature'), r.url, r.form),
})
// A rule for webhooks has Twilio sign with a shared key, which a header names.
const twilioSettings = 'x-twilio-webhooks-signature-settings'
judge({
  provider: 'twilio',
  sdk: 'twilio',
  secret: 'shared key secret',
  options: { shared_key: 'webhooks_sharedkey_01example' },
  url: twilioURL,
  sign: (r) => {
    r.set(twilioSettings, 'key=webhooks_sharedkey_01example,algorithm=HMAC_SHA256')
    r.set('x-twilio-signature', twilio.getExpectedTwilioSignature('shared key secret', r.url, r.form, twilio.getSignatureAlgorithm(r.header(twilioSettings))))
  },
  verify: (r) => twilio.validateRequest(
    'shared key secret', r.header('x-twilio-signature'), r.url, r.form, twilio.getSignatureAlgorithm(r.header(twilioSettings)),
  ),
})
// The URL has the hash of a body that is no form.
judge({
  provider: 'twilio',
  sdk: 'twilio',
  secret: '12345',
  url: twilioURL,
  body: '{"MessageStatus":"delivered"}',
  sign: (r) => {
    r.set('content-type', 'application/json')
    r.url += '&bodySHA256=' + twilio.getExpectedBodyHash(r.text)
    r.set('x-twilio-signature', twilio.getExpectedTwilioSignature('12345', r.url, {}))
  },
})

const sendgrid = new EventWebhook()
const sendgridKey = p256.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
judge({
  provider: 'sendgrid',
  sdk: '@sendgrid/eventwebhook',
  secret: sendgridKey,
  private: pem(p256.privateKey),
  weakness: 'It checks no time.',
  verify: (r) => sendgrid.verifySignature(
    sendgrid.convertPublicKeyToECDSA(sendgridKey), r.body, r.header(EventWebhookHeader.SIGNATURE()), r.header(EventWebhookHeader.TIMESTAMP()),
  ),
})

judge({
  provider: 'vonage-jwt',
  sdk: '@vonage/jwt',
  secret: 'test secret of thirty-two octets',
  blind: 'body', // to the library, though not to the scheme
  weakness: "It does not compare the body with the token's payload_hash.",
  verify: (r) => vonage(r.header('authorization').replace('Bearer ', ''), 'test secret of thirty-two octets'),
})

// The names of the SDK's algorithms, by ours.
const algorithms = {
  sha256: AlgorithmTypes.sha256hmac,
  sha512: AlgorithmTypes.sha512hmac,
  sha1: AlgorithmTypes.sha1hmac,
  md5: AlgorithmTypes.md5hmac,
  md5hash: AlgorithmTypes.md5hash,
}
const sms = new SMS(new Auth({ apiKey: 'unused', apiSecret: 'unused' }))
for (const [algorithm, name] of Object.entries(algorithms)) {
  judge({
    provider: 'vonage-sms-sig',
    sdk: '@vonage/sms',
    secret: 'test secret',
    options: { algorithm },
    weakness: 'It checks no time, and does not compare in constant time.',
    verify: (r) => sms.verifySignature(r.form.sig, r.form, 'test secret', name),
  })
}

const telnyx = new Telnyx({ apiKey: 'unused', publicKey: raw.toString('base64') })
judge({
  provider: 'telnyx',
  sdk: 'telnyx',
  secret: raw.toString('base64'),
  private: pem(ed25519.privateKey),
  verify: async (r) => await telnyx.webhooks.unwrap(r.text, { headers: r.headers }),
})

const birdURL = 'https://hooks.example.com/bird?a=b'
judge({
  provider: 'bird-jwt',
  sdk: 'messagebird',
  secret: 'test secret',
  url: birdURL,
  verify: (r) => bird.verify(r.url, r.body, r.header(bird.SIGNATURE_HEADER_NAME), createSecretKey(Buffer.from('test secret'))),
})
judge({
  provider: 'messagebird-legacy',
  sdk: 'messagebird',
  secret: 'test secret',
  url: birdURL,
  weakness: 'It takes times from the future.',
  sign: (r, now) => {
    r.set('messagebird-request-timestamp', Math.floor(now / 1000))
    r.set('messagebird-signature', messagebird.generate(express(r), 'test secret').toString('base64'))
  },
  verify: (r) => messagebird.validate(express(r), 'test secret'),
})

// express makes of a request what the framework of that name hands over.
function express(r) {
  return { headers: r.headers, query: Object.fromEntries(new URL(r.url).searchParams), body: r.body }
}

judge({
  provider: 'line',
  sdk: '@line/bot-sdk',
  secret: 'test_secret',
  verify: (r) => line.validateSignature(r.body, 'test_secret', r.header('x-line-signature')),
})

judge({
  provider: 'plivo-v2',
  sdk: 'plivo',
  secret: 'test token',
  url: 'https://hooks.example.com/plivo?a=b',
  blind: 'body',
  weakness: 'It does not compare in constant time.',
  verify: (r) => plivo.validateSignature(r.url, r.header('x-plivo-signature-v2-nonce'), r.header('x-plivo-signature-v2'), 'test token'),
})
judge({
  provider: 'plivo-v3',
  sdk: 'plivo',
  secret: 'test token',
  url: 'https://hooks.example.com/plivo?b=2&a=1',
  weakness: 'It does not compare in constant time.',
  verify: (r) => plivo.validateV3Signature(
    'POST', r.url, r.header('x-plivo-signature-v3-nonce'), 'test token', r.header('x-plivo-signature-v3'), r.form,
  ),
})

// Twitter's own library, from before it was called X.
judge({
  provider: 'x',
  sdk: 'twitter-autohook',
  secret: 'test secret',
  verify: (r) => twitter(r.headers, { consumer_secret: 'test secret' }, r.text),
})

console.debug = () => {} // where Zoom's library would write every request
const zoom = new AwsLambdaReceiver({ webhooksSecretToken: 'test token' })
judge({
  provider: 'zoom',
  sdk: '@zoom/rivet',
  secret: 'test token',
  weakness: 'It hashes the body parsed and written anew, checks no time, and does not compare in constant time.',
  verify: async (r) => (await zoom.start()({ headers: r.headers, body: r.text, isBase64Encoded: false }, {})).statusCode === 200,
})

const mailchannels = generateKeyPairSync('ed25519')
const mailchannelsKey = mailchannels.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
judge({
  provider: 'mailchannels',
  sdk: 'mailchannels-sdk',
  secret: mailchannelsKey,
  private: mailchannels.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  weakness: 'It checks no time, and takes the first signature alone.',
  verify: (r) => Webhooks.verify({ payload: r.text, headers: r.headers, publicKey: mailchannelsKey }),
})

judge({
  provider: 'acuity',
  sdk: 'acuityscheduling',
  secret: 'test api key',
  weakness: 'It does not compare in constant time.',
  verify: (r) => {
    acuity.verifyMessageSignature('test api key', r.body, r.header('x-acuity-signature'))
    return true
  },
})

// Crisp's client verifies once it listens to an event.
const crisp = new Crisp()
crisp.setRtmMode('webhooks')
const listening = crisp.on('message:send', () => {})
judge({
  provider: 'crisp',
  sdk: 'crisp-api',
  secret: 'test secret',
  weakness: 'It hashes the body parsed and written anew, checks no time, and does not compare in constant time.',
  verify: async (r) => {
    await listening
    return crisp.verifyHook('test secret', r.json, Number(r.header('x-crisp-request-timestamp')), r.header('x-crisp-signature'))
  },
})

const stream = new StreamChat('unused', 'test api secret')
judge({
  provider: 'stream',
  sdk: 'stream-chat',
  secret: 'test api secret',
  verify: (r) => stream.verifyWebhook(r.body, r.header('x-signature')),
})

// grammY answers 401 without a handler being called.
const bot = new Bot('123:unused', { botInfo: { id: 123, is_bot: true, first_name: 'Test', username: 'test_bot' } })
const telegram = webhookCallback(bot, 'std/http', { secretToken: 'test-token' })
judge({
  provider: 'telegram',
  sdk: 'grammy',
  secret: 'test-token',
  blind: 'body',
  verify: async (r) => (await telegram(new Request(r.url, { method: 'POST', headers: r.headers, body: r.body }))).status === 200,
})
