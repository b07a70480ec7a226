// Computes the signature of every vector that names this folder as its judge,
// in another language and without the gateway's code, and compares.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const vectors = join(here, '../../verifiers/testdata')

// A part is a file that exports signers: by slug, a function of a request that
// returns what has to stand in it as { headers, query, form, json }, or whether
// the signature in it is right, where a signature cannot be made twice alike.
const signers = {}
for (const file of readdirSync(here).filter((f) => f.endsWith('.mjs') && !f.endsWith('.test.mjs'))) {
  const part = await import(join(here, file))
  for (const [slug, sign] of Object.entries(part.signers ?? {})) {
    assert.ok(!(slug in signers), `${slug} has two signers`)
    signers[slug] = sign
  }
}

const used = new Set()
for (const slug of readdirSync(vectors)) {
  for (const file of readdirSync(join(vectors, slug)).filter((f) => f.endsWith('.txtar'))) {
    const vector = read(readFileSync(join(vectors, slug, file)))
    if (!vector.judges.includes('independent')) continue
    test(`${slug}/${file}`, async () => {
      assert.ok(signers[slug], `no signer for ${slug}`)
      used.add(slug)
      const want = await signers[slug](vector)
      if (typeof want === 'boolean') return assert.ok(want, 'the signature is wrong')
      let compared = 0
      for (const [name, value] of Object.entries(want.headers ?? {})) {
        assert.equal(vector.headers[name.toLowerCase()], value, `header ${name}`)
        compared++
      }
      for (const [name, value] of Object.entries(want.query ?? {})) {
        assert.equal(new URL(vector.url).searchParams.get(name), value, `query ${name}`)
        compared++
      }
      for (const [name, value] of Object.entries(want.form ?? {})) {
        assert.equal(vector.form.get(name), value, `field ${name}`)
        compared++
      }
      for (const [path, value] of Object.entries(want.json ?? {})) {
        assert.equal(path.split('.').reduce((v, key) => v[key], vector.json), value, `JSON ${path}`)
        compared++
      }
      assert.ok(compared > 0, 'the signer says nothing')
    })
  }
}

test('every signer has a vector', () => {
  assert.deepEqual(Object.keys(signers).filter((slug) => !used.has(slug)), [])
})

// read takes a vector apart as verifiers/providers/vector_test.go describes it.
function read(bytes) {
  const text = bytes.toString('latin1') // one character a byte
  const [comment, ...files] = text.split(/^-- (.+) --\n/m)
  const v = { judges: [], secrets: [], options: {}, headers: {} }
  for (const line of comment.split('\n')) {
    const [, key, value] = /^(\w+):\s*(.*?)\s*$/.exec(line) ?? []
    const utf8 = value && Buffer.from(value, 'latin1').toString('utf8')
    if (key === 'judge') v.judges.push(utf8.split(' ')[0])
    else if (key === 'secret') v.secrets.push(utf8)
    else if (key === 'option') {
      const [name, ...rest] = utf8.split(' ')
      v.options[name] = rest.join(' ')
    } else if (key) v[key] = utf8
  }
  v.secret = v.secrets[0]
  v.files = {}
  for (let i = 0; i < files.length; i += 2) v.files[files[i]] = files[i + 1]
  const [head, ...rest] = v.files.request.split('\n\n')
  const [line, ...fields] = head.split('\n')
  for (const field of fields) {
    const [name, ...value] = field.split(':')
    v.headers[name.toLowerCase()] ??= value.join(':').trim()
  }
  const body = rest.join('\n\n')
  const length = v.headers['content-length']
  v.body = Buffer.from(length === undefined ? body.replace(/\n$/, '') : body.slice(0, Number(length)), 'latin1')
  v.method = line.split(' ')[0]
  v.target = line.split(' ')[1]
  v.url ??= `https://${v.headers.host}${v.target}`
  Object.defineProperty(v, 'json', { get: () => JSON.parse(v.body) })
  Object.defineProperty(v, 'form', { get: () => new URLSearchParams(v.body.toString()) })
  return v
}
