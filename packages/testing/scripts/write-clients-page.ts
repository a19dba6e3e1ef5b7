// Writes docs/clients.md from the tests of clients.
import { readFileSync, writeFileSync } from 'node:fs';
import { ALL_CASES } from '../src/clients/all-cases.ts';
import { formatClientsPage } from '../src/clients/clients-page.ts';

const { devDependencies } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly devDependencies: Record<string, string>;
};
writeFileSync(new URL('../../../docs/clients.md', import.meta.url), formatClientsPage(ALL_CASES, devDependencies));
