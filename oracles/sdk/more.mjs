// Libraries that are not the provider's own, or of providers that belong nowhere
// else.
import { getPlatformAlgorithmConfig, WebhookVerificationService } from '@hookflo/tern'
import hygraph from '@hygraph/utils'
import { Api as Fitbit } from 'fitbit-api-handler'
import { generateKeyPairSync } from 'node:crypto'
import XHubSignature from 'x-hub-signature'
import { judge } from './judge.mjs'

// Facebook's scheme, as many receivers check it.
const hub = (provider, algorithm, header, signsOnly) => judge({
  provider,
  sdk: 'x-hub-signature',
  secret: 'test secret',
  sign: (r) => r.set(header, new XHubSignature(algorithm, 'test secret').sign(r.body)),
  ...(!signsOnly && { verify: (r) => new XHubSignature(algorithm, 'test secret').verify(r.header(header), r.body) }),
})
for (const provider of ['meta', 'facebook', 'instagram', 'whatsapp']) hub(provider, 'sha256', 'x-hub-signature-256')
for (const provider of ['bitbucket-cloud', 'jira']) hub(provider, 'sha256', 'x-hub-signature')
hub('intercom', 'sha1', 'x-hub-signature')
// A hub chooses the hash; ours chooses SHA-256.
hub('websub', 'sha1', 'x-hub-signature', true)

judge({
  provider: 'hygraph',
  sdk: '@hygraph/utils',
  secret: 'test secret',
  weakness: 'It checks no time.',
  sign: (r) => r.set('gcms-signature', hygraph.generateWebhookSignature({ rawPayload: r.text, secret: 'test secret' })),
  verify: (r) => hygraph.verifyWebhookSignature({ rawPayload: r.text, signature: r.header('gcms-signature'), secret: 'test secret' }),
})

judge({
  provider: 'fitbit',
  sdk: 'fitbit-api-handler',
  secret: 'test secret',
  weakness: 'It does not compare in constant time.',
  verify: (r) => new Fitbit('client', 'test secret').verifyFitbitRequest(r.text, r.header('x-fitbit-signature')),
})

// It would fetch fal's keys; a key in its configuration goes before them.
const fal = generateKeyPairSync('ed25519')
const falKey = fal.publicKey.export({ type: 'spki', format: 'pem' })
const { signatureConfig } = getPlatformAlgorithmConfig('falai')
judge({
  provider: 'fal',
  sdk: '@hookflo/tern',
  secret: falKey,
  private: fal.privateKey.export({ type: 'pkcs8', format: 'pem' }),
  verify: async (r) => (await WebhookVerificationService.verify(
    new Request(r.url, { method: r.method, headers: r.headers, body: r.body }),
    { platform: 'falai', secret: '', signatureConfig: { ...signatureConfig, customConfig: { ...signatureConfig.customConfig, publicKey: falKey } } },
  )).isValid,
})
