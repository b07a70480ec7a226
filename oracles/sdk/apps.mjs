// Apps for media, identity, cars, shops and secrets whose libraries verify.
import { EventVerifier } from '@complycube/api'
import { WebhookVerificationService } from '@hookflo/tern'
import ModerationAPI from '@moderation-api/sdk'
import { PrivyClient } from '@privy-io/node'
import { AppServer, InMemoryShopRepository } from '@shopware-ag/app-server-sdk'
import { v2 as cloudinary } from 'cloudinary'
import ImageKit from 'imagekit'
import smartcar from 'smartcar'
import { verifyTerraWebhookSignature } from 'terra-api'
import { judge } from './judge.mjs'

cloudinary.config({ api_secret: 'test api secret' })
judge({
  provider: 'cloudinary',
  sdk: 'cloudinary',
  secret: 'test api secret',
  weakness: 'It takes times from the future, and does not compare in constant time.',
  sign: (r, now) => {
    const timestamp = Math.floor(now / 1000)
    r.set('x-cld-timestamp', timestamp)
    r.set('x-cld-signature', cloudinary.utils.webhook_signature(r.text, timestamp, { api_secret: 'test api secret' }))
  },
  verify: (r) => cloudinary.utils.verifyNotificationSignature(r.text, Number(r.header('x-cld-timestamp')), r.header('x-cld-signature')),
})

judge({
  provider: 'complycube',
  sdk: '@complycube/api',
  secret: 'test secret',
  verify: (r) => new EventVerifier('test secret').constructEvent(r.body, r.header('complycube-signature')),
})

// Tern is a library of others for many senders; Doppler has none of its own.
judge({
  provider: 'doppler',
  sdk: '@hookflo/tern',
  secret: 'test secret',
  verify: async (r) => {
    const request = new Request(r.url, { method: r.method, headers: r.headers, body: r.body })
    return (await WebhookVerificationService.verifyWithPlatformConfig(request, 'doppler', 'test secret')).isValid
  },
})

// The successor of this library, @imagekit/nodejs, checks Standard Webhooks instead.
const imagekit = new ImageKit({ publicKey: 'unused', privateKey: 'unused', urlEndpoint: 'https://ik.imagekit.io/unused' })
judge({
  provider: 'imagekit',
  sdk: 'imagekit',
  secret: 'whsec_test secret',
  weakness: 'It checks no time.',
  verify: (r) => imagekit.verifyWebhookEvent(r.text, r.header('x-ik-signature'), 'whsec_test secret'),
})

judge({
  provider: 'moderation-api',
  sdk: '@moderation-api/sdk',
  secret: 'test secret',
  weakness: 'It takes an empty signature.',
  verify: (r) => new ModerationAPI({ secretKey: 'unused' }).webhooks.constructEvent(r.body, r.header('modapi-signature'), 'test secret'),
})

const privySecret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const privy = new PrivyClient({ appId: 'unused', appSecret: 'unused', webhookSigningSecret: privySecret })
judge({
  provider: 'privy',
  sdk: '@privy-io/node',
  secret: privySecret,
  verify: (r) => privy.webhooks().verify({ payload: r.text, headers: r.headers }),
})

// The shop of the sample.
const shops = new InMemoryShopRepository()
await shops.createShop('dgrH7nLU6tlE', 'https://shop.example.com', 'test shop secret')
const shopware = new AppServer({ appName: 'unused', appSecret: 'unused', authorizeCallbackUrl: 'https://unused.example.com' }, shops)
judge({
  provider: 'shopware',
  sdk: '@shopware-ag/app-server-sdk',
  secret: 'test shop secret',
  weakness: 'It does not compare in constant time.',
  sign: async (r) => r.set('shopware-shop-signature', await shopware.signer.sign(r.text, 'test shop secret')),
  verify: (r) => shopware.contextResolver.fromAPI(new Request(r.url, { method: r.method, headers: r.headers, body: r.body })),
})

judge({
  provider: 'smartcar',
  sdk: 'smartcar',
  secret: 'test management token',
  weakness: 'It hashes the body parsed and written anew, and does not compare in constant time.',
  verify: (r) => smartcar.verifyPayload('test management token', r.header('sc-signature'), r.json),
})

judge({
  provider: 'terra',
  sdk: 'terra-api',
  secret: 'test signing secret',
  verify: (r) => verifyTerraWebhookSignature(r.text, r.header('terra-signature'), 'test signing secret'),
})
