// Writes docs/bad-days.md from faults.tsv.
import { readFileSync, writeFileSync } from 'node:fs';
import { formatFaults, parseFaults } from './table.ts';

const faults = parseFaults(readFileSync(new URL('faults.tsv', import.meta.url), 'utf8'));
writeFileSync(new URL('../../../docs/bad-days.md', import.meta.url), formatFaults(faults));
console.log(`wrote ${faults.length} faults`);
