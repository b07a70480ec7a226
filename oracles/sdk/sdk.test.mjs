// Runs the judges of every file in this folder.
import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './judge.mjs'

const here = dirname(fileURLToPath(import.meta.url))
for (const file of readdirSync(here).filter((f) => f.endsWith('.mjs') && f !== 'judge.mjs' && f !== 'sdk.test.mjs')) {
  await import(`./${file}`)
}
run()
