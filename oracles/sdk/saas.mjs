// Business software, content, identity, media and voices.
import { signRequest, verifyRequest } from '@contentful/node-apps-toolkit'
import dropboxSign from '@dropbox/sign'
import { ElevenLabsClient } from '@elevenlabs/elevenlabs-js'
import { Signature as hubspot } from '@hubspot/api-client'
import Mux from '@mux/mux-node'
import { signWebhookPayload, verifyWebhookSignature } from '@notionhq/client'
import { encodeSignatureHeader, isValidSignature } from '@sanity/webhook'
import { WorkOS } from '@workos-inc/node'
import { computeWebhookSignature } from 'box-node-sdk/lib/internal/utilsNode'
import { WebhooksManager } from 'box-node-sdk/lib/managers/webhooks'
import Retell from 'retell-sdk'
import { WebflowClient } from 'webflow-api'
import { judge } from './judge.mjs'

const secret = 'test secret'

// HubSpot's v1 and v2 are told apart by a header that the sample has.
const hubspotURL = 'https://hooks.example.com/hubspot?a=b'
for (const version of ['v1', 'v2', 'v3']) {
  const header = version === 'v3' ? 'x-hubspot-signature-v3' : 'x-hubspot-signature'
  const options = (r) => ({
    signatureVersion: version, method: r.method, url: r.url, requestBody: r.text, clientSecret: secret,
    signature: r.header(header), timestamp: Number(r.header('x-hubspot-request-timestamp')),
  })
  judge({
    provider: 'hubspot-' + version,
    sdk: '@hubspot/api-client',
    secret,
    url: hubspotURL,
    weakness: version === 'v3'
      ? 'It takes times from the future, decodes no escapes of the URL, and does not compare in constant time.'
      : 'It does not compare in constant time.',
    sign: (r, now) => {
      if (version === 'v3') r.set('x-hubspot-request-timestamp', now.getTime())
      r.set(header, hubspot.getSignature(r.method, version, options(r)))
    },
    verify: (r) => hubspot.isValid(options(r)),
  })
}

judge({
  provider: 'notion',
  sdk: '@notionhq/client',
  secret: 'secret_test',
  sign: async (r) => r.set('x-notion-signature', await signWebhookPayload({ body: r.text, verificationToken: 'secret_test' })),
  verify: (r) => verifyWebhookSignature({ body: r.text, signature: r.header('x-notion-signature'), verificationToken: 'secret_test' }),
})

judge({
  provider: 'dropbox-sign',
  sdk: '@dropbox/sign',
  secret: 'test key',
  blind: 'body',
  weakness: 'It checks no time, and does not compare in constant time.',
  verify: (r) => dropboxSign.EventCallbackHelper.isValid('test key', dropboxSign.EventCallbackRequest.init(r.json)),
})

judge({
  provider: 'box',
  sdk: 'box-node-sdk',
  secret,
  weakness: 'It takes no time from the future, not even by a second.',
  sign: async (r, now) => {
    r.set('box-delivery-timestamp', now.toISOString())
    r.set('box-signature-primary', await computeWebhookSignature(r.text, r.headers, secret))
  },
  verify: (r) => WebhooksManager.validateMessage(r.text, r.headers, secret),
})

const contentfulSecret = '0123456789abcdef'.repeat(4)
const contentfulRequest = (r) => ({
  method: r.method, path: r.url.replace('https://hooks.example.com', ''), headers: r.headers, body: r.text,
})
judge({
  provider: 'contentful',
  sdk: '@contentful/node-apps-toolkit',
  secret: contentfulSecret,
  url: 'https://hooks.example.com/contentful?a=b&c=d%20e',
  weakness: 'It takes times from the future, and nothing of a query after a second question mark.',
  sign: (r, now) => {
    const signed = signRequest(contentfulSecret, contentfulRequest(r), now.getTime())
    Object.entries(signed).forEach(([name, value]) => r.set(name, value))
  },
  verify: (r) => verifyRequest(contentfulSecret, contentfulRequest(r)),
})

judge({
  provider: 'sanity',
  sdk: '@sanity/webhook',
  secret: 'test',
  weakness: 'It checks the time only for the year 2021 or later, and does not compare in constant time.',
  sign: async (r, now) => r.set('sanity-webhook-signature', await encodeSignatureHeader(r.text, now.getTime(), 'test')),
  verify: (r) => isValidSignature(r.text, r.header('sanity-webhook-signature'), 'test'),
})

const workos = new WorkOS('unused')
judge({
  provider: 'workos',
  sdk: '@workos-inc/node',
  secret,
  weakness: 'It hashes the body parsed and written anew, takes times from the future, and the first signature only.',
  sign: async (r, now) =>
    r.set('workos-signature', `t=${now.getTime()}, v1=${await workos.webhooks.computeSignature(now.getTime(), r.json, secret)}`),
  verify: (r) => workos.webhooks.verifyHeader({ payload: r.json, sigHeader: r.header('workos-signature'), secret }),
})

const mux = new Mux({ tokenId: 'unused', tokenSecret: 'unused', webhookSecret: secret })
judge({
  provider: 'mux',
  sdk: '@mux/mux-node',
  secret,
  weakness: 'It takes times from the future.',
  verify: async (r) => await mux.webhooks.unwrap(r.text, r.headers),
})

const elevenlabs = new ElevenLabsClient({ apiKey: 'unused' })
judge({
  provider: 'elevenlabs',
  sdk: '@elevenlabs/elevenlabs-js',
  secret,
  weakness: 'It takes times from the future, the first v0 only, and does not compare in constant time.',
  verify: (r) => elevenlabs.webhooks.constructEvent(r.text, r.header('elevenlabs-signature'), secret),
})

judge({
  provider: 'retell',
  sdk: 'retell-sdk',
  secret: 'key_test',
  sign: async (r) => r.set('x-retell-signature', await Retell.sign(r.text, 'key_test')),
  verify: (r) => Retell.verify(r.text, 'key_test', r.header('x-retell-signature')),
})

const webflow = new WebflowClient({ accessToken: 'unused' })
judge({
  provider: 'webflow',
  sdk: 'webflow-api',
  secret,
  weakness: 'It checks no time, and does not compare in constant time.',
  verify: (r) => webflow.webhooks.verifySignature({ headers: r.headers, body: r.text, secret }),
})
