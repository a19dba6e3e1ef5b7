// Computes the economy: models, proofs, one page. Exits 1 if a statement does not hold. `--check` compares the page with the computed
// one and does not write it. `--out DIR` writes all figures as JSON, and the plots.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { drawCurves } from './figure.ts';
import { readCardRho, readMeasuredRho } from './measured-rho.ts';
import { writePage } from './page.ts';
import { openSolver, prove } from './prove.ts';
import { runModels } from './run-models.ts';

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false }, out: { type: 'string' } } });
const docs = fileURLToPath(new URL('../../../docs/', import.meta.url));
const measured = [...readMeasuredRho(join(docs, 'bench.json')), ...readCardRho(join(docs, 'detection/cards.md'))];
const models = await runModels(measured);
for (const { title, findings } of models) {
  console.log(`\n${title}`);
  for (const { claim, holds, detail } of findings) console.log(`  ${holds ? 'holds' : 'FAILS'}  ${claim} (${detail})`);
}
const solver = await openSolver();
const proofs = await prove(solver.solve);
solver.close();
console.log('\nProven');
for (const { claim, holds, detail } of proofs) console.log(`  ${holds ? 'holds' : 'FAILS'}  ${claim} (${detail})`);
const page = writePage({ models, proofs });
if (values.check) {
  if (readFileSync(join(docs, 'economics.md'), 'utf8') !== page) {
    console.error('docs/economics.md is stale: run npm run economics');
    process.exitCode = 1;
  }
} else {
  writeFileSync(join(docs, 'economics.md'), page);
}
if (values.out !== undefined) {
  mkdirSync(values.out, { recursive: true });
  writeFileSync(join(values.out, 'economics.json'), `${JSON.stringify({ models, proofs })}\n`);
  for (const { curves } of models) {
    if (curves) writeFileSync(join(values.out, `${curves.name}.svg`), await drawCurves(curves));
  }
}
if ([...models.flatMap(({ findings }) => findings), ...proofs].some(({ holds }) => !holds)) process.exitCode = 1;
