// npm run tell-apart: who can tell a honeypot from a job, with half of all replies audited, nearly all, and all of them.

import { measureTells } from './tell-apart.ts';
import { listTraffic } from './traffic.ts';
import { renderTellTable } from './verifier-tables.ts';

const seed = 1;
for (const traffic of listTraffic({ epochs: 8, worlds: 12 })) {
  const { alphaPpm, worlds } = traffic;
  console.log(`${alphaPpm / 1e4} % of all replies audited, ${worlds} networks, seeds from ${seed} on:\n`);
  console.log(`${renderTellTable(await measureTells({ seed, ...traffic }))}\n`);
}
