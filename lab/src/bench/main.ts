// npm run bench [-- --json FILE] [-- --only engine,replies,...]: prints the table, writes JSON. Nothing here is asserted by a test.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, homedir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { resolveModel } from '@ogong/engine/models/resolve';
import { measureBrowser } from './browser-rows.ts';
import { measureEngine } from './engine-rows.ts';
import { measureIntake } from './intake-rows.ts';
import { measureGas } from './ledger-rows.ts';
import { measureNetwork } from './network-rows.ts';
import { writeRandomModel } from './random-model.ts';
import { measureReplies } from './reply-rows.ts';
import { formatTable, isMet, type Row } from './row.ts';

const parts: Readonly<Record<string, (context: { storeDir: string; model: string }) => Promise<Row[]>>> = {
  engine: async ({ storeDir, model }) => [
    ...(await measureEngine(model, 'stories15M q8_0')),
    ...(await measureEngine(writeRandomModel(storeDir, model), 'random 134M q8_0')),
  ],
  replies: async ({ model }) => {
    const engine = await createLlamaEngine({ modelPath: model, sequences: 8 });
    try {
      return await measureReplies(engine);
    } finally {
      await engine.close();
    }
  },
  browser: () => measureBrowser(),
  intake: () => measureIntake(),
  ledger: () => measureGas(),
  network: () => measureNetwork(),
};

const { values } = parseArgs({
  options: { json: { type: 'string' }, only: { type: 'string' }, help: { type: 'boolean', default: false } },
});
if (values.help) {
  console.log(`usage: npm run bench [-- --only ${Object.keys(parts).join(',')}] [-- --json FILE]`);
  process.exit(0);
}
const asked = values.only?.split(',') ?? Object.keys(parts);
const unknown = asked.filter((name) => !Object.hasOwn(parts, name));
if (unknown.length > 0) {
  console.error(`unknown part: ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}`);
  process.exit(2);
}

const storeDir = process.env.OGONG_MODELS ?? join(homedir(), '.ogong', 'models');
mkdirSync(storeDir, { recursive: true });
const { path: model } = await resolveModel('stories15M', { storeDir, quant: 'q8_0' });
const rows: Row[] = [];
for (const name of asked) {
  console.error(`bench: ${name} ...`);
  rows.push(...(await (parts[name] as (typeof parts)[string])({ storeDir, model })));
}
const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}`;
console.log(`\n${machine}\n\n${formatTable(rows)}`);
const missed = rows.filter((row) => isMet(row) === false);
console.log(
  `\n${rows.length} rows, ${missed.length} aims missed${missed.length > 0 ? `: ${missed.map(({ id }) => id).join(', ')}` : ''}`,
);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ machine, rows }, null, 1)}\n`);
