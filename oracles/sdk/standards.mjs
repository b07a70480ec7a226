// Standard Webhooks, Svix and those who send by either.
import Anthropic from '@anthropic-ai/sdk'
import { verifyWebhook as clerk } from '@clerk/backend/webhooks'
import { WebhookHandler } from '@liveblocks/node'
import { SeamWebhook } from '@seamapi/webhook'
import OpenAI from 'openai'
import { validateWebhook as replicate } from 'replicate'
import { Resend } from 'resend'
import { Webhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'
import { judge } from './judge.mjs'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

// Loops has no library of its own. Trigger.dev verifies it by Standard Webhooks.
for (const provider of ['standard-webhooks', 'gitlab-signing', 'loops']) {
  judge({
    provider,
    sdk: 'standardwebhooks',
    secret,
    sign: (r, now) => {
      r.set('webhook-id', r.id)
      r.set('webhook-timestamp', Math.floor(now / 1000))
      r.set('webhook-signature', new Webhook(secret).sign(r.id, now, r.text))
    },
    verify: (r) => new Webhook(secret).verify(r.text, r.headers),
  })
}

// Supabase's documentation has the library used with what follows v1,whsec_.
judge({
  provider: 'supabase-auth-hooks',
  sdk: 'standardwebhooks',
  secret: 'v1,' + secret,
  sign: (r, now) => {
    r.set('webhook-timestamp', Math.floor(now / 1000))
    r.set('webhook-signature', new Webhook(secret).sign(r.header('webhook-id'), now, r.text))
  },
  verify: (r) => new Webhook(secret).verify(r.text, r.headers),
})

// BigCommerce's has it used with the client secret in base64.
const clientSecret = Buffer.from('test client secret').toString('base64')
judge({
  provider: 'bigcommerce',
  sdk: 'standardwebhooks',
  secret: 'test client secret',
  sign: (r, now) => {
    r.set('webhook-id', r.id)
    r.set('webhook-timestamp', Math.floor(now / 1000))
    r.set('webhook-signature', new Webhook(clientSecret).sign(r.id, now, r.text))
  },
  verify: (r) => new Webhook(clientSecret).verify(r.text, r.headers),
})

// Increase's library gives it the whole secret as the key, and so does AhaSend's documentation.
const raw = () => new Webhook('whsec_test secret', { format: 'raw' })
for (const provider of ['increase', 'ahasend']) {
  judge({
    provider,
    sdk: 'standardwebhooks',
    secret: 'whsec_test secret',
    sign: (r, now) => {
      r.set('webhook-id', r.id)
      r.set('webhook-timestamp', Math.floor(now / 1000))
      r.set('webhook-signature', raw().sign(r.id, now, r.text))
    },
    verify: (r) => raw().verify(r.text, r.headers),
  })
}

// These say themselves that they send through Svix, or Svix says so of them.
const svix = new SvixWebhook(secret)
for (const provider of [
  'svix', 'clerk', 'brex', 'stytch', 'render', 'incident-io', 'lithic', 'beehiiv', 'pleo', 'guesty', 'sardine', 'safebase',
  'resend', 'nash', 'psi-fi', 'seam',
]) {
  judge({
    provider,
    sdk: 'svix',
    secret,
    sign: (r, now) => {
      r.set('svix-id', r.id)
      r.set('svix-timestamp', Math.floor(now / 1000))
      r.set('svix-signature', svix.sign(r.id, now, r.text))
    },
    verify: (r) => svix.verify(r.text, r.headers),
  })
}

// Recall.ai sends as Svix does, under the names of either.
judge({ provider: 'recall-ai', sdk: 'svix', secret, verify: (r) => svix.verify(r.text, r.headers) })

judge({
  provider: 'clerk',
  sdk: '@clerk/backend',
  secret,
  verify: (r) => clerk(new Request(r.url, { method: r.method, headers: r.headers, body: r.body }), { signingSecret: secret }),
})

const resend = new Resend('unused')
judge({
  provider: 'resend',
  sdk: 'resend',
  secret,
  verify: (r) => resend.webhooks.verify({
    payload: r.text,
    headers: { id: r.header('svix-id'), timestamp: r.header('svix-timestamp'), signature: r.header('svix-signature') },
    webhookSecret: secret,
  }),
})

const openai = new OpenAI({ apiKey: 'unused', webhookSecret: secret })
judge({
  provider: 'openai',
  sdk: 'openai',
  secret,
  weakness: 'It takes a signature without a version, too.',
  verify: async (r) => await openai.webhooks.unwrap(r.text, r.headers),
})

const anthropic = new Anthropic({ apiKey: 'unused', webhookKey: secret })
judge({
  provider: 'anthropic',
  sdk: '@anthropic-ai/sdk',
  secret,
  verify: (r) => anthropic.beta.webhooks.unwrap(r.text, { headers: r.headers }),
})

judge({
  provider: 'replicate',
  sdk: 'replicate',
  secret,
  weakness: "It checks neither the time nor the signature's version, and does not compare in constant time.",
  verify: (r) => replicate({ headers: r.headers, body: r.text }, secret),
})

const liveblocks = new WebhookHandler(secret)
judge({
  provider: 'liveblocks',
  sdk: '@liveblocks/node',
  secret,
  weakness: 'It does not compare in constant time, and takes a signature without a version, too.',
  verify: (r) => liveblocks.verifyRequest({ headers: r.headers, rawBody: r.text }),
})

judge({
  provider: 'seam',
  sdk: '@seamapi/webhook',
  secret,
  verify: (r) => new SeamWebhook(secret).verify(r.text, r.headers),
})
