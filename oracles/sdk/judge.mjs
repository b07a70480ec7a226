// What the judges in this folder share. A judge is an SDK that signs or verifies
// as a provider does: what it signs has to verify in the gateway, and what the
// gateway signs has to verify in it.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))

// The gateway's catalogue, behind ../bridge.
class Gateway {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'bridge-'))
    const binary = join(this.folder, 'bridge')
    execFileSync('go', ['build', '-o', binary, './bridge'], { cwd: join(here, '..'), stdio: 'inherit' })
    this.process = spawn(binary, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.waiting = []
    createInterface({ input: this.process.stdout }).on('line', (line) => this.waiting.shift()(JSON.parse(line)))
  }

  ask(question) {
    this.process.stdin.write(JSON.stringify(question) + '\n')
    return new Promise((resolve) => this.waiting.push(resolve))
  }

  close() {
    this.process.kill()
    rmSync(this.folder, { recursive: true })
  }
}

let gateway
const judges = []

/**
 * Declares a judge.
 *
 * provider  the slug
 * sdk       the npm package
 * secret    what an endpoint would be given; private: what signs, where that is another
 * options   of the endpoint; url, body (a Buffer or string): of the request
 * sign      (request, now) => void: lets the SDK add a signature to a request that has
 *           { method, url, header(name), set(name, value), body (Buffer), text, json }.
 *           Without it the SDK does not sign.
 * verify    (request) => whether the SDK takes it, which may throw instead.
 *           Without it the SDK does not verify.
 * blind     'body' where the scheme does not cover the body
 * weakness  what is known to be missing in the SDK's own check
 */
export function judge(judge) {
  assert.ok(judge.sign || judge.verify, `${judge.provider}: the SDK neither signs nor verifies`)
  judges.push(judge)
}

// run makes tests of all judges. Every file of judges has been imported before.
export function run() {
  before(() => (gateway = new Gateway()))
  after(() => gateway.close())
  judges.forEach(tests)
  test('judges-js.json lists the judges here', () => {
    const listed = judges
      .filter(({ provider, sdk }, i) => judges.findIndex((j) => j.provider === provider && j.sdk === sdk) === i)
      .map(({ provider, sdk, sign, verify, weakness }) => ({
        provider, sdk, does: !sign ? 'verifies' : !verify ? 'signs' : 'signs and verifies', ...(weakness && { weakness }),
      }))
      .toSorted((a, b) => (a.provider + ' ' + a.sdk < b.provider + ' ' + b.sdk ? -1 : 1))
    const file = join(here, '../judges-js.json')
    const have = JSON.stringify(listed, null, 2) + '\n'
    if (process.env.UPDATE) writeFileSync(file, have)
    assert.equal(readFileSync(file, 'utf8'), have, 'UPDATE=1 npm test writes it')
  })
}

function tests({ provider, sdk, secret, private: key, options, url, body, sign, verify, blind }) {
  const question = {
    provider,
    secrets: secret === undefined ? [] : [secret],
    options,
    url: url ?? 'https://hooks.example.com/in',
    ...(body !== undefined && { body: Buffer.from(body).toString('base64') }),
  }
  if (verify) {
    test(`${provider}: ${sdk} verifies what we sign`, async () => {
      const { error, request } = await gateway.ask({ ...question, op: 'sign', secrets: [key ?? secret ?? ''] })
      assert.equal(error, undefined)
      assert.ok(await takes(verify, wrap(request)), 'the SDK refuses what we signed')
      if (blind !== 'body') {
        const forged = wrap(request)
        forged.body = forge(forged.body)
        assert.ok(!(await takes(verify, forged, true)), 'the SDK accepts a changed body: it judges nothing')
      }
    })
  }
  if (sign) {
    test(`${provider}: we verify what ${sdk} signs`, async () => {
      const now = new Date()
      const sample = await gateway.ask({ ...question, op: 'sample', now })
      assert.equal(sample.error, undefined)
      const signed = wrap(sample.request)
      signed.id = sample.id
      await sign(signed, now)
      const answer = await gateway.ask({ ...question, op: 'verify', now, request: unwrap(signed) })
      assert.equal(answer.error, undefined, 'we refuse what the SDK signed')
      if (answer.event.Signed.body) {
        signed.body = forge(signed.body)
        const forged = await gateway.ask({ ...question, op: 'verify', now, request: unwrap(signed) })
        assert.ok(forged.reason, 'we accept a changed body')
      }
    })
  }
}

async function takes(verify, request, quietly) {
  try {
    const verdict = await verify(request)
    return verdict !== false && verdict !== null
  } catch (error) {
    if (!quietly) throw error
    return false
  }
}

function wrap(request) {
  return {
    ...request,
    headers: Object.fromEntries(Object.entries(request.header).map(([name, values]) => [name.toLowerCase(), values[0]])),
    body: Buffer.from(request.body ?? '', 'base64'),
    header(name) { return this.headers[name.toLowerCase()] },
    set(name, value) { this.headers[name.toLowerCase()] = String(value) },
    get text() { return this.body.toString() },
    get json() { return JSON.parse(this.body) },
    get form() { return Object.fromEntries(new URLSearchParams(this.text)) },
  }
}

function unwrap(request) {
  return {
    method: request.method, url: request.url, body: request.body.toString('base64'),
    header: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, [value]])),
  }
}

// forge changes a letter near the end of a body, so that it is still what it was
// but for its meaning.
function forge(body) {
  const forged = Buffer.from(body)
  for (let i = forged.length - 1; i >= 0; i--) {
    if (forged[i] >= 98 && forged[i] <= 121 && forged[i - 1] !== 92) {
      forged[i]++
      return forged
    }
  }
  return Buffer.concat([forged, Buffer.from(' ')])
}
