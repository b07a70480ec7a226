// nuxt-webhook-validators is somebody else's library for several providers that have none of
// their own. Nuxt would provide it with #imports, which has the secrets.
import { generateKeyPairSync } from 'node:crypto'
import { register } from 'node:module'
import { judge } from './judge.mjs'

const imports = 'export const useRuntimeConfig = (event) => event.config'
const loader = `export const resolve = (name, context, next) => name === '#imports'
  ? { url: 'data:text/javascript,${encodeURIComponent(imports)}', shortCircuit: true } : next(name, context)`
register(`data:text/javascript,${encodeURIComponent(loader)}`)

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const kickKey = rsa.publicKey.export({ type: 'spki', format: 'pem' })

const secretKey = 'test secret'
const all = [
  { provider: 'fourthwall', name: 'isValidFourthwallWebhook' },
  { provider: 'heroku', name: 'isValidHerokuWebhook' },
  { provider: 'netlify', name: 'isValidNetlifyWebhook' },
  { provider: 'cal-com', name: 'isValidCalcomWebhook', file: 'calcom.post', module: 'calcom' },
  { provider: 'docusign-connect', name: 'isValidDocusignWebhook', module: 'docusign' },
  { provider: 'dropbox', name: 'isValidDropboxWebhook', config: { appSecret: secretKey } },
  {
    provider: 'kick', name: 'isValidKickWebhook', config: { publicKey: kickKey }, secret: kickKey,
    private: rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }), weakness: 'It checks neither the time nor the broadcaster.',
  },
]
for (const { provider, name, module = provider, file = module, config = { secretKey }, secret = secretKey, ...rest } of all) {
  const folder = '../node_modules/nuxt-webhook-validators/dist/runtime/server/lib/validators/'
  const { [name]: valid } = await import(`${folder}${file}.js`)
  judge({
    provider,
    sdk: 'nuxt-webhook-validators',
    secret,
    weakness: 'It does not compare in constant time.',
    ...rest,
    verify: (r) => valid({
      config: { webhook: { [module]: config } },
      node: { req: { headers: r.headers } },
      req: new Request(r.url, { method: r.method, headers: r.headers, body: r.body }),
    }),
  })
}
