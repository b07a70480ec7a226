// Billing and payments whose libraries verify.
import Metronome from '@metronome/sdk'
import { createCreem } from 'creem_io'
import { WebhookSignature } from 'fintoc'
import Orb from 'orb-billing'
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
