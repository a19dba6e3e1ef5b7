// npm run tell-apart: who can tell a honeypot from a job, with half of all replies audited, and with all of them.
import { measureTells } from './tell-apart.ts';
import { renderTellTable } from './verifier-tables.ts';

const options = { seed: 1, epochs: 8 };
for (const [title, row] of [
  ['Half of all replies audited', { replies: 40, alphaPpm: 500_000 }],
  ['All replies audited', { replies: 20, alphaPpm: 1_000_000 }],
] as const) {
  console.log(`${title}, seed ${options.seed}:\n\n${renderTellTable(await measureTells({ ...options, ...row }))}\n`);
}
