import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ALL_CASES } from './all-cases.ts';
import { formatClientsPage } from './clients-page.ts';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

it('is the committed page', () => {
  const { devDependencies } = JSON.parse(read('../../package.json')) as { devDependencies: Record<string, string> };
  expect(read('../../../../docs/clients.md'), 'write it by: node packages/testing/scripts/write-clients-page.ts').toBe(
    formatClientsPage(ALL_CASES, devDependencies),
  );
});

it('says where a feature does not work, and leaves out what has no test', () => {
  const one = { client: 'a', api: 'OpenAI' as const, feature: 'answer' as const, run: async () => {} };
  const page = formatClientsPage(
    [
      one,
      { ...one, client: 'b', feature: 'stop', except: { place: 'gateway', why: 'x' } },
      { ...one, client: 'c', api: 'Ollama', only: 'local mode' },
    ],
    { openai: '7.0.0', 'ai-6': 'npm:ai@6.1.0' },
  );
  expect(page).toContain('| answer | yes |  |\n');
  expect(page).toContain('| stop |  | yes (1) |\n');
  expect(page).toContain('| through a gateway | yes | yes |\n');
  expect(page).toContain('| through a gateway | no |\n');
  expect(page).toContain('Not through a gateway (1): x.');
  expect(page).toContain('| openai | `openai` 7.0.0 |\n');
  expect(page).toContain('`ai` 6.1.0');
});
