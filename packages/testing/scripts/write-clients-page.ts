// Writes docs/clients.md from the tests of clients.
import { writeFileSync } from 'node:fs';
import { ALL_CASES } from '../src/clients/all-cases.ts';
import { formatClientsPage } from '../src/clients/clients-page.ts';

writeFileSync(new URL('../../../docs/clients.md', import.meta.url), formatClientsPage(ALL_CASES));
