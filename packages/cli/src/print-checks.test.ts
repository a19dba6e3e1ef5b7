import { pass, skip } from '@ogong/protocol/base/checks';
import { expect, it } from 'vitest';
import { formatVerdict } from './print-checks.ts';

const checks = [pass('format', 'canonical'), skip('router', 'nobody named one'), skip('settled', 'not yet')];

it('advises on skipped checks, and says that an unsettled reply only needs time', () => {
  const text = formatVerdict({ checks, missing: ['router', 'settled'], allowed: [] });
  expect(text).toMatch(/^not checked: router: give what they need .*--allow$/m);
  expect(text).toMatch(/^not checked: settled: ask again later: /m);
  const unsettled = formatVerdict({ checks, missing: ['settled'], allowed: ['router'] });
  expect(unsettled).not.toContain('give what they need');
  expect(unsettled).toMatch(/^done without, as allowed: router$/m);
  expect(formatVerdict({ checks, missing: ['router'], allowed: [] })).not.toContain('ask again');
});
