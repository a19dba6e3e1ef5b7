import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ALL_CASES } from './all-cases.ts';
import { formatClientsPage } from './clients-page.ts';

it('is the committed page', () => {
  const page = readFileSync(new URL('../../../../docs/clients.md', import.meta.url), 'utf8');
  expect(page, 'write it by: node packages/testing/scripts/write-clients-page.ts').toBe(formatClientsPage(ALL_CASES));
});

it('says where a feature does not work, and leaves out what has no test', () => {
  const one = { client: 'a', feature: 'answer' as const, run: async () => {} };
  const page = formatClientsPage([
    one,
    { ...one, client: 'b', feature: 'stop', except: { place: 'gateway', why: 'x' } },
  ]);
  expect(page).toContain('| answer | yes |  |\n');
  expect(page).toContain('| stop |  | yes (1) |\n');
  expect(page).toContain('Not through a gateway (1): x.');
});
