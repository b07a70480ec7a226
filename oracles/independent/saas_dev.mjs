// Generic standards, development tools, hosting and the senders that use
// Standard Webhooks. Each signer follows the provider's documentation.
import { createHmac, createPublicKey, verify } from 'node:crypto'

const hmac = (hash, key, text) => createHmac(hash, key).update(text)
const hex = (v) => hmac('sha256', v.secret, v.body).digest('hex')

// The key of Standard Webhooks: what follows whsec_, decoded.
const decoded = (secret) => Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
const asText = (secret) => Buffer.from(secret, 'utf8')

// A sender by Standard Webhooks or Svix. The last secret is the newest where
// several sign.
const standard = (key = decoded, separator = ' ') => (v) => {
  const start = v.headers['svix-id'] === undefined ? 'webhook-' : 'svix-'
  const text = Buffer.concat([Buffer.from(`${v.headers[start + 'id']}.${v.headers[start + 'timestamp']}.`), v.body])
  const all = v.secrets.map((s) => `v1,${hmac('sha256', key(s), text).digest('base64')}`)
  return { headers: { [start + 'signature']: all.join(separator) } }
}

// A list such as t=1700000000,v1=… over "time.body".
const timed = (header, time, signature) => (v) => {
  const t = v.headers[header].split(',')[0].slice(time.length + 1)
  const text = Buffer.concat([Buffer.from(`${t}.`), v.body])
  return { headers: { [header]: [`${time}=${t}`, ...v.secrets.map((s) => `${signature}=${hmac('sha256', s, text).digest('hex')}`)].join(',') } }
}

// Gitea and its kin sign the JSON document, which a form carries as payload.
const giteaLike = (header) => (v) => {
  const isForm = v.headers['content-type'] === 'application/x-www-form-urlencoded'
  return { headers: { [header]: hmac('sha256', v.secret, isForm ? v.form.get('payload') : v.body).digest('hex') } }
}

// WebSub: the sender's choice of the hash stands before the signature.
const webSub = (v) => {
  const hash = v.headers['x-hub-signature'].split('=')[0]
  return { headers: { 'x-hub-signature': `${hash}=${hmac(hash, v.secret, v.body).digest('hex')}` } }
}

const bearer = (v) => ({ headers: { authorization: `Bearer ${v.secret}` } })
const basic = (v) => ({ headers: { authorization: `Basic ${Buffer.from(v.secret).toString('base64')}` } })

export const signers = {
  'standard-webhooks': standard(),
  svix: standard(),
  clerk: standard(),
  resend: standard(),
  brex: standard(),
  stytch: standard(),
  'incident-io': standard(),
  lithic: standard(),
  beehiiv: standard(),
  liveblocks: standard(),
  seam: standard(),
  lovable: (v) => ({
    headers: {
      'x-lovable-signature': 'sha256=' +
        hmac('sha256', v.secret, Buffer.concat([Buffer.from(`${v.headers['x-lovable-timestamp']}.`), v.body])).digest('hex'),
    },
  }),
  pleo: standard(),
  guesty: standard(),
  sardine: standard(),
  safebase: standard(),
  nash: standard(),
  'psi-fi': standard(),
  render: standard(),
  replicate: standard(),
  openai: standard((s) => (s.startsWith('whsec_') ? decoded(s) : asText(s))),
  anthropic: standard(),
  'recall-ai': standard(),
  loops: standard(),
  etsy: standard(),
  polar: standard(asText),
  increase: standard(asText),
  bigcommerce: standard(asText),
  'gitlab-signing': standard(),
  'supabase-auth-hooks': standard((s) => decoded(s.replace(/^v1,/, '')), ', '),

  'increase-legacy': timed('increase-webhook-signature', 't', 'v1'),
  buildkite: timed('x-buildkite-signature', 'timestamp', 'signature'),
  tailscale: timed('tailscale-webhook-signature', 't', 'v1'),
  'cloudflare-stream': timed('webhook-signature', 'time', 'sig1'),

  github: (v) => ({ headers: { 'x-hub-signature-256': `sha256=${hex(v)}` } }),
  slack: (v) => {
    const text = Buffer.concat([Buffer.from(`v0:${v.headers['x-slack-request-timestamp']}:`), v.body])
    return { headers: { 'x-slack-signature': `v0=${hmac('sha256', v.secret, text).digest('hex')}` } }
  },
  hookdeck: (v) => ({ headers: { 'x-hookdeck-signature': hmac('sha256', v.secret, v.body).digest('base64') } }),
  heroku: (v) => ({ headers: { 'heroku-webhook-hmac-sha256': hmac('sha256', v.secret, v.body).digest('base64') } }),
  websub: webSub,
  youtube: webSub,
  'bitbucket-cloud': (v) => ({ headers: { 'x-hub-signature': `sha256=${hex(v)}` } }),
  'bitbucket-server': (v) => ({ headers: { 'x-hub-signature': `sha256=${hex(v)}` } }),
  jira: (v) => ({ headers: { 'x-hub-signature': `sha256=${hex(v)}` } }),
  cursor: (v) => ({ headers: { 'x-webhook-signature': `sha256=${hex(v)}` } }),
  gitea: giteaLike('x-gitea-signature'),
  forgejo: giteaLike('x-forgejo-signature'),
  gogs: giteaLike('x-gogs-signature'),
  circleci: (v) => ({ headers: { 'circleci-signature': `v1=${hex(v)}` } }),
  vercel: (v) => ({ headers: { 'x-vercel-signature': hmac('sha1', v.secret, v.body).digest('hex') } }),
  sentry: (v) => ({ headers: { 'sentry-hook-signature': hex(v) } }),
  linear: (v) => ({ headers: { 'linear-signature': hex(v) } }),
  planetscale: (v) => ({ headers: { 'x-planetscale-signature': hex(v) } }),
  'pagerduty-v3': (v) => ({
    headers: { 'x-pagerduty-signature': v.secrets.map((s) => `v1=${hmac('sha256', s, v.body).digest('hex')}`).join(',') },
  }),

  // Travis publishes its key; without the private half a signature is checked.
  travis: (v) => {
    const key = createPublicKey(JSON.parse(v.files['https://api.travis-ci.com/config']).config.notifications.webhook.public_key)
    return verify('sha1', Buffer.from(v.form.get('payload')), key, Buffer.from(v.headers.signature, 'base64'))
  },
  'standard-webhooks-ed25519': (v) => {
    const raw = Buffer.from(v.secret.replace(/^whpk_/, ''), 'base64')
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' })
    const text = Buffer.concat([Buffer.from(`${v.headers['webhook-id']}.${v.headers['webhook-timestamp']}.`), v.body])
    const signature = v.headers['webhook-signature'].split(' ').find((s) => s.startsWith('v1a,')).slice(4)
    return verify(null, text, key, Buffer.from(signature, 'base64'))
  },

  'gitlab-token': (v) => ({ headers: { 'x-gitlab-token': v.secret } }),
  'buildkite-token': (v) => ({ headers: { 'x-buildkite-token': v.secret } }),
  'cloudflare-notifications': (v) => ({ headers: { 'cf-webhook-auth': v.secret } }),
  'cloudevents-webhook': (v) => (v.target.includes('access_token=') ? { query: { access_token: v.secret } } : bearer(v)),
  'supabase-db-webhooks': bearer,
  'azure-devops': basic,
  datadog: basic,
  'docker-hub': (v) => ({ query: { token: v.secret } }),
}
