// Runs the worst inputs of every parser, one after another, and prints a line of JSON for each. A process of its own, so that its memory
// can be limited, and so that an endless parser can be ended. Usage: `run-rows-child.ts short|long [NAME,...]`.
import { startWorkMeter } from './measure-work.ts';
import type { LoadModule } from './parser-row.ts';
import { readVectors, runRow } from './run-row.ts';
import { PARSER_ROWS } from './table.ts';

const meter = startWorkMeter();
const vectors = readVectors();
const load: LoadModule = (file) => import(new URL(`../../../${file}`, import.meta.url).href);
const [search, only] = process.argv.slice(2);
for (const row of PARSER_ROWS) {
  if (only !== undefined && !only.split(',').includes(row.name)) continue;
  process.stdout.write(`${JSON.stringify({ started: row.name, file: row.file })}\n`);
  process.stdout.write(
    `${JSON.stringify(await runRow(row, { load, vectors, meter, search: search === 'long' ? 'long' : 'short' }))}\n`,
  );
}
process.stdout.write(`${JSON.stringify({ maxRssMiB: Math.round(process.resourceUsage().maxRSS / 1_024) })}\n`);
