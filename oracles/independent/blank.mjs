// The schemes that an endpoint describes itself. The vectors say in their
// override how they are signed; all of them sign the time, a dot and the body.
import { createPublicKey, verify } from 'node:crypto'

const stamped = (v) => Buffer.concat([Buffer.from(`${v.headers['x-acme-timestamp']}.`), v.body])

function publicKey(secret) {
  if (/^[0-9a-f]{64}$/.test(secret)) {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(secret, 'hex').toString('base64url') }, format: 'jwk' })
  }
  const key = Buffer.from(secret, 'base64')
  try {
    return createPublicKey({ key, format: 'der', type: 'spki' })
  } catch {
    return createPublicKey({ key, format: 'der', type: 'pkcs1' })
  }
}

function verified(v) {
  const { hash, signature } = JSON.parse(v.override)
  const ed25519 = v.provider === 'ed25519'
  return verify(
    ed25519 ? null : hash ?? 'sha256', stamped(v), publicKey(v.secret),
    Buffer.from(v.headers['x-acme-signature'], signature.encoding),
  )
}

export const signers = { ed25519: verified, ecdsa: verified, rsa: verified }
