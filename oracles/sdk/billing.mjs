// Billing and payments whose libraries verify.
import Metronome from '@metronome/sdk'
import { Webhook as PortOne } from '@portone/server-sdk'
import Whop from '@whop/sdk'
import { createCreem } from 'creem_io'
import DodoPayments from 'dodopayments'
import { WebhookSignature } from 'fintoc'
import { generateKeyPairSync } from 'node:crypto'
import { OpenNodeClient } from 'opennode'
import Orb from 'orb-billing'
import wechat from 'wechatpay-node-v3'
import { judge } from './judge.mjs'

const creem = createCreem({ apiKey: 'unused', webhookSecret: 'test secret' })
judge({
  provider: 'creem',
  sdk: 'creem_io',
  secret: 'test secret',
  verify: async (r) => {
    await creem.webhooks.handleEvents(r.text, r.header('creem-signature'), {})
    return true
  },
})

judge({
  provider: 'fintoc',
  sdk: 'fintoc',
  secret: 'whsec_test secret',
  weakness: 'It takes the last signature alone.',
  verify: (r) => {
    WebhookSignature.verifyHeader(r.body, r.header('fintoc-signature'), 'whsec_test secret')
    return true
  },
})

const metronome = new Metronome({ bearerToken: 'unused', webhookSecret: 'test secret' })
judge({
  provider: 'metronome',
  sdk: '@metronome/sdk',
  secret: 'test secret',
  sign: (r, now) => {
    r.set('x-metronome-date', now.toUTCString())
    r.set('metronome-webhook-signature', metronome.webhooks.signPayload(r.text, { date: now.toUTCString(), secret: 'test secret' }))
  },
  verify: (r) => metronome.webhooks.unwrap(r.text, r.headers),
})

const orb = new Orb({ apiKey: 'unused', webhookSecret: 'test secret' })
judge({
  provider: 'orb',
  sdk: 'orb-billing',
  secret: 'test secret',
  sign: (r, now) => {
    const timestamp = now.toISOString().replace('Z', '')
    r.set('x-orb-timestamp', timestamp)
    r.set('x-orb-signature', orb.webhooks.signPayload(r.text, { timestamp, secret: Buffer.from('test secret') }))
  },
  verify: (r) => orb.webhooks.unwrap(r.text, r.headers),
})

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const dodo = new DodoPayments({ bearerToken: 'unused', webhookKey: secret })
judge({
  provider: 'dodopayments',
  sdk: 'dodopayments',
  secret,
  verify: (r) => dodo.webhooks.unwrap(r.text, { headers: r.headers }),
})

judge({
  provider: 'portone',
  sdk: '@portone/server-sdk',
  secret,
  verify: (r) => PortOne.verify(secret, r.text, r.headers),
})

// Whop's documentation has the secret given to the library in base64.
const whop = new Whop({ apiKey: 'unused', webhookKey: Buffer.from('ws_test secret').toString('base64') })
judge({
  provider: 'whop',
  sdk: '@whop/sdk',
  secret: 'ws_test secret',
  verify: (r) => whop.webhooks.unwrap(r.text, { headers: r.headers }),
})

const opennode = new OpenNodeClient('test api key', 'dev')
judge({
  provider: 'opennode',
  sdk: 'opennode',
  secret: 'test api key',
  blind: 'body',
  weakness: 'It does not compare in constant time.',
  verify: (r) => opennode.verifySignature(r.form),
})

// The library is not WeChat Pay's own. It fetches certificates unless it has the key.
const wechatKeys = generateKeyPairSync('rsa', { modulusLength: 2048 })
const wechatKey = wechatKeys.publicKey.export({ type: 'spki', format: 'pem' }).toString()
const Pay = wechat.default ?? wechat
const pay = new Pay({ appid: 'unused', mchid: 'unused', serial_no: 'unused', publicKey: Buffer.from('unused'), privateKey: Buffer.from('unused') })
Pay.certificates = { D7CE59D1F522D701: wechatKey }
judge({
  provider: 'wechat-pay',
  sdk: 'wechatpay-node-v3',
  secret: wechatKey,
  private: wechatKeys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  weakness: 'It checks no time.',
  verify: (r) => pay.verifySign({
    timestamp: r.header('wechatpay-timestamp'), nonce: r.header('wechatpay-nonce'), body: r.text,
    serial: r.header('wechatpay-serial'), signature: r.header('wechatpay-signature'),
  }),
})
