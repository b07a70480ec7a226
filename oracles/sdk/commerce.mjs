// Commerce, banking and crypto.
import '@shopify/shopify-api/adapters/node'
import { ApiVersion, shopifyApi } from '@shopify/shopify-api'
import EasyPost from '@easypost/api'
import { WebhookEventVerifier } from '@onfido/api'
import * as moralis from '@moralisweb3/streams'
import { Core, Config } from '@moralisweb3/common-core'
import { Env, StandardCheckoutClient } from '@phonepe-pg/pg-sdk-node'
import { validateEvent } from '@polar-sh/sdk/webhooks'
import { Unit } from '@unit-finance/unit-node-sdk'
import { basicAuthValidator } from 'chargebee'
import { verifySignature as commerceLayer } from 'commercelayer-webhooks'
import Lithic from 'lithic'
import { judge } from './judge.mjs'

const shopify = shopifyApi({
  apiKey: 'unused', apiSecretKey: 'shpss_test', apiVersion: ApiVersion.January26 ?? Object.values(ApiVersion).at(-1),
  hostName: 'hooks.example.com', isEmbeddedApp: false, logger: { level: 0 },
})
judge({
  provider: 'shopify',
  sdk: '@shopify/shopify-api',
  secret: 'shpss_test',
  verify: async (r) => {
    const { valid } = await shopify.webhooks.validate({ rawBody: r.text, rawRequest: { method: 'POST', url: '/', headers: r.headers }, rawResponse: {} })
    return valid
  },
})

const easypost = new EasyPost('unused')
judge({
  provider: 'easypost',
  sdk: '@easypost/api',
  secret: 'sécret',
  weakness: 'It rewrites whole numbers under "weight" before it hashes.',
  verify: (r) => easypost.Utils.validateWebhook(r.body, r.headers, 'sécret') !== undefined,
})

judge({
  provider: 'onfido',
  sdk: '@onfido/api',
  secret: 'test token',
  verify: (r) => new WebhookEventVerifier('test token').readPayload(r.text, r.header('x-sha2-signature')),
})

const core = Core.create()
core.registerModules([moralis.Streams ?? moralis.default])
core.config.set('streamsSecret', 'test secret')
judge({
  provider: 'moralis',
  sdk: '@moralisweb3/streams',
  secret: 'test secret',
  weakness: 'It hashes the body parsed and written anew.',
  verify: (r) => core.getModule('streams').verifySignature({ body: r.json, signature: r.header('x-signature') }),
})

const phonepe = StandardCheckoutClient.getInstance('unused', 'unused', 1, Env.SANDBOX)
judge({
  provider: 'phonepe',
  sdk: '@phonepe-pg/pg-sdk-node',
  secret: 'user:password',
  blind: 'body',
  verify: (r) => phonepe.validateCallback('user', 'password', r.header('authorization'), r.text) !== undefined,
})

judge({
  provider: 'polar',
  sdk: '@polar-sh/sdk',
  secret: 'polar_whs_test',
  verify: (r) => {
    try {
      return validateEvent(r.body, r.headers, 'polar_whs_test') !== undefined
    } catch (error) {
      // The signature is right, and the SDK knows no event of the sample's shape.
      if (error.name === 'SDKValidationError') return true
      throw error
    }
  },
})

const unit = new Unit('unused', 'https://api.example.com')
judge({
  provider: 'unit',
  sdk: '@unit-finance/unit-node-sdk',
  secret: 'test token',
  weakness: 'It hashes the body parsed and written anew.',
  verify: (r) => unit.webhooks.verify(r.header('x-unit-signature'), 'test token', r.json),
})

judge({
  provider: 'chargebee',
  sdk: 'chargebee',
  secret: 'user:test password',
  blind: 'body',
  verify: async (r) => {
    await basicAuthValidator((user, password) => user === 'user' && password === 'test password')(r.headers)
    return true
  },
})

judge({
  provider: 'commercelayer',
  sdk: 'commercelayer-webhooks',
  secret: 'test secret',
  verify: (r) => commerceLayer('test secret', r.header('x-commercelayer-signature'), r.text),
})

const whsec = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const lithic = new Lithic({ apiKey: 'unused', webhookSecret: whsec })
judge({
  provider: 'lithic',
  sdk: 'lithic',
  secret: whsec,
  verify: (r) => {
    lithic.webhooks.verifySignature(r.text, r.headers, whsec)
    return true
  },
})
