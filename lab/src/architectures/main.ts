// npm run architectures: measures whether architectures of models are served exactly, and whether attackers are caught in them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LLAMA_VERSION } from '@ogong/engine/llama-cpp/device/platform';
import { resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { ARCHITECTURES, findArchitecture } from '@ogong/testing/models/architectures/catalogue';
import { describeMachine } from '../bench/report.ts';
import { labModelsDir } from '../lab-models.ts';
import { measureArchitecture } from './measure.ts';
import { formatArchitectures, isExact } from './report.ts';
import type { ArchitectureResult, ArchitectureRun } from './results.ts';

const docs = resolve(import.meta.dirname, '../../../docs');
const names = ARCHITECTURES.map(({ name }) => name);
const help = `usage: npm run architectures [-- options]

Writes a small random model of each architecture, serves it in its exact classes, runs every reply
again, and lets attackers serve it. Exits with 1 where a reply that should be exact differs.

  --only NAMES  some of ${names.slice(0, 8).join(',')},
                ${names.slice(8).join(',')}
  --json FILE   results as JSON
  --write       renew docs/architectures.md and docs/architectures.json; not with --only
  --help
`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
const asked = values.only?.split(',') ?? names;
const unknown = asked.filter((name) => !names.includes(name));
if (unknown.length > 0 || (values.write && values.only !== undefined)) {
  console.error(
    unknown.length > 0
      ? `unknown architecture: ${unknown.join(', ')}`
      : '--write renews the whole page: leave --only out',
  );
  process.exit(2);
}

const machine = describeMachine({ Node: process.version.slice(1), 'llama.cpp': LLAMA_VERSION });
const vocabularyFrom = (await resolveModel('stories260K', { storeDir: labModelsDir() })).path;
const dir = mkdtempSync(join(tmpdir(), 'ogong-architectures-'));
const results: ArchitectureResult[] = [];
try {
  for (const [index, name] of asked.entries()) {
    console.error(`architectures ${index + 1}/${asked.length}: ${name} ...`);
    results.push(await measureArchitecture(findArchitecture(name), { dir, vocabularyFrom }));
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
const run: ArchitectureRun = { version: 1, machine, day: new Date().toISOString().slice(0, 10), results };
const { results: rows, ...about } = run;
// One model a line, so that a change shows which model was measured differently.
const json = `${JSON.stringify(about).slice(0, -1)},"results":[\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]}\n`;
const page = formatArchitectures(run);
if (values.json !== undefined) writeFileSync(values.json, json);
if (values.write) {
  writeFileSync(join(docs, 'architectures.json'), json);
  writeFileSync(join(docs, 'architectures.md'), page);
}
console.log(page);
const differing = results.flatMap(({ classes }) => classes).filter((each) => each.served && !isExact(each));
if (differing.length > 0) process.exitCode = 1;
