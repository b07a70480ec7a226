// Payments.
import { verify as abacatepay } from '@abacatepay/adapters/webhooks/signature'
import Adyen from '@adyen/api-library'
import { computePaystackWebhookSignature, verifyPaystackWebhookSignature } from '@alexasomba/paystack-node'
import { Environment, Paddle } from '@paddle/paddle-node-sdk'
import braintree from 'braintree'
import { Cashfree, CFEnvironment } from 'cashfree-pg'
import commerce from 'coinbase-commerce-node'
import { generateKeyPairSync } from 'node:crypto'
import * as gocardless from 'gocardless-nodejs/webhooks'
import { WebhookSignatureValidator } from 'mercadopago'
import ModernTreasury from 'modern-treasury'
import midtrans from 'midtrans-client'
import pagarme from 'pagarme'
import Razorpay from 'razorpay'
import { WebhooksHelper } from 'square'
import Stripe from 'stripe'
import truelayer from 'truelayer-signing'
import { judge } from './judge.mjs'

const pem = (key) => key.export({ type: key.type === 'public' ? 'spki' : 'pkcs8', format: 'pem' }).toString()

const stripe = new Stripe('unused')
judge({
  provider: 'stripe',
  sdk: 'stripe',
  secret: 'whsec_test',
  weakness: 'It takes times from the future.',
  sign: (r, now) =>
    r.set('stripe-signature', stripe.webhooks.generateTestHeaderString({
      payload: r.text, secret: 'whsec_test', timestamp: Math.floor(now / 1000),
    })),
  verify: (r) => stripe.webhooks.constructEvent(r.body, r.header('stripe-signature'), 'whsec_test'),
})

judge({
  provider: 'abacatepay',
  sdk: '@abacatepay/adapters',
  secret: 'test secret',
  weakness: 'It checks the signature alone, whose key is public, and leaves the secret to its caller.',
  verify: (r) => abacatepay(r.text, r.header('x-webhook-signature')),
})

// The key of the SDK's own tests.
const adyenKey = 'DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00'
const adyen = new Adyen.hmacValidator()
judge({
  provider: 'adyen',
  sdk: '@adyen/api-library',
  secret: adyenKey,
  blind: 'body', // eight of an item's fields are signed
  verify: (r) => r.json.notificationItems.every((item) => adyen.validateHMAC(item.NotificationRequestItem, adyenKey)),
})
judge({
  provider: 'adyen-platform',
  sdk: '@adyen/api-library',
  secret: adyenKey,
  sign: (r) => r.set('hmacsignature', adyen.calculateHmac(r.text, adyenKey)),
  verify: (r) => adyen.validateHMACSignature(adyenKey, r.header('hmacsignature'), r.text),
})

const squareURL = 'https://hooks.example.com/square?shop=1'
judge({
  provider: 'square',
  sdk: 'square',
  secret: 'signature-key',
  url: squareURL,
  verify: (r) => WebhooksHelper.verifySignature({
    requestBody: r.text, signatureHeader: r.header('x-square-hmacsha256-signature'),
    signatureKey: 'signature-key', notificationUrl: squareURL,
  }),
})

const paddle = new Paddle('unused', { environment: Environment.sandbox })
judge({
  provider: 'paddle',
  sdk: '@paddle/paddle-node-sdk',
  secret: 'pdl_ntfset_test',
  weakness: 'Of several h1 it takes the last, takes times from the future, and allows no more than 5 seconds.',
  verify: (r) => paddle.webhooks.isSignatureValid(r.text, 'pdl_ntfset_test', r.header('paddle-signature')),
})

judge({
  provider: 'razorpay',
  sdk: 'razorpay',
  secret: 'test secret',
  verify: (r) => Razorpay.validateWebhookSignature(r.text, r.header('x-razorpay-signature'), 'test secret'),
})

judge({
  provider: 'coinbase-commerce',
  sdk: 'coinbase-commerce-node',
  secret: 'test secret',
  sign: (r) => r.set('x-cc-webhook-signature', commerce.Webhook.computeSignature(r.text, 'test secret')),
  verify: (r) => commerce.Webhook.verifyEventBody(r.text, r.header('x-cc-webhook-signature'), 'test secret'),
})

const gateway = new braintree.BraintreeGateway({
  environment: braintree.Environment.Sandbox, merchantId: 'merchant', publicKey: 'public', privateKey: 'private',
})
judge({
  provider: 'braintree',
  sdk: 'braintree',
  secret: 'private',
  options: { public_key: 'public' },
  sign: async (r) => {
    const signed = await gateway.webhookTesting.sampleNotification(braintree.WebhookNotification.Kind.SubscriptionWentPastDue, 's1')
    r.set('content-type', 'application/x-www-form-urlencoded')
    r.body = Buffer.from(new URLSearchParams(signed).toString())
  },
  verify: (r) => gateway.webhookNotification.parse(r.form.bt_signature, r.form.bt_payload),
})

judge({
  provider: 'gocardless',
  sdk: 'gocardless-nodejs',
  secret: 'test secret',
  verify: (r) => gocardless.parse(r.text, 'test secret', r.header('webhook-signature')) !== undefined,
})

judge({
  provider: 'mercadopago',
  sdk: 'mercadopago',
  secret: 'test secret',
  url: 'https://hooks.example.com/mp?data.id=123456&type=payment',
  blind: 'body',
  weakness: 'It takes the time for seconds, where the Go SDK takes it for milliseconds, and checks it only if told to.',
  verify: (r) => WebhookSignatureValidator.validate({
    xSignature: r.header('x-signature'), xRequestId: r.header('x-request-id'),
    dataId: new URL(r.url).searchParams.get('data.id'), secret: 'test secret',
  }) !== false,
})

const treasury = new ModernTreasury({ organizationID: 'unused', apiKey: 'unused' })
judge({
  provider: 'modern-treasury',
  sdk: 'modern-treasury',
  secret: 'test secret',
  sign: (r) => r.set('x-signature', treasury.webhooks.getSignature(r.text, { key: 'test secret' })),
  verify: (r) => treasury.webhooks.validateSignature(r.text, r.headers, { key: 'test secret' }),
})

const cashfree = new Cashfree(CFEnvironment.SANDBOX, 'unused', 'test secret')
judge({
  provider: 'cashfree',
  sdk: 'cashfree-pg',
  secret: 'test secret',
  weakness: 'It checks no time.',
  verify: (r) => cashfree.PGVerifyWebhookSignature(r.header('x-webhook-signature'), r.text, r.header('x-webhook-timestamp')),
})

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
judge({
  provider: 'midtrans-snap-bi',
  sdk: 'midtrans-client',
  secret: pem(rsa.publicKey),
  private: pem(rsa.privateKey),
  url: 'https://hooks.example.com/v1.0/debit/notify',
  weakness: 'It checks no time.',
  verify: (r) => {
    midtrans.SnapBiConfig.snapBiPublicKey = pem(rsa.publicKey)
    return midtrans.SnapBi.notification()
      .withNotificationPayload(r.json)
      .withSignature(r.header('x-signature'))
      .withTimeStamp(r.header('x-timestamp'))
      .withNotificationUrlPath(new URL(r.url).pathname)
      .isWebhookNotificationVerified()
  },
})

judge({
  provider: 'pagarme',
  sdk: 'pagarme',
  secret: 'ak_test_key',
  sign: (r) => r.set('x-hub-signature', 'sha1=' + pagarme.postback.calculateSignature('ak_test_key', r.text)),
  verify: (r) => pagarme.postback.verifySignature('ak_test_key', r.text, r.header('x-hub-signature').replace('sha1=', '')),
})

const ec = generateKeyPairSync('ec', { namedCurve: 'secp521r1' })
judge({
  provider: 'truelayer',
  sdk: 'truelayer-signing',
  secret: pem(ec.publicKey),
  private: pem(ec.privateKey),
  url: 'https://hooks.example.com/truelayer',
  sign: (r, now) => {
    r.set('x-tl-webhook-timestamp', now.toISOString())
    r.set('tl-signature', truelayer.sign({
      kid: 'key-1', privateKeyPem: ec.privateKey.export({ type: 'sec1', format: 'pem' }), method: 'POST', path: '/truelayer',
      headers: { 'X-Tl-Webhook-Timestamp': r.header('x-tl-webhook-timestamp') }, body: r.text,
    }))
  },
  verify: (r) => {
    truelayer.verify({
      publicKeyPem: pem(ec.publicKey), signature: r.header('tl-signature'), method: 'POST', path: '/truelayer',
      headers: r.headers, body: r.text,
    })
    return true
  },
})

// Paystack's own library does not verify; this one is somebody else's.
judge({
  provider: 'paystack',
  sdk: '@alexasomba/paystack-node',
  secret: 'sk_test_secret',
  sign: (r) => r.set('x-paystack-signature', computePaystackWebhookSignature(r.text, 'sk_test_secret')),
  verify: (r) =>
    verifyPaystackWebhookSignature({ rawBody: r.text, signature: r.header('x-paystack-signature'), secret: 'sk_test_secret' }),
})
