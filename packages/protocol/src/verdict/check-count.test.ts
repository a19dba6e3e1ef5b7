import { expect, it } from 'vitest';
import { fail, pass, skip } from '../base/checks.ts';
import { countChecks, describeBeside } from './check-count.ts';

const receipt = [pass('format', ''), pass('fee', ''), skip('router', '')];

it('counts the same for a reader that follows the reply, and for one that compares the answer', () => {
  const shown = countChecks([...receipt, pass('answer', '')]);
  const followed = countChecks([...receipt, pass('settled', ''), pass('log-head', ''), skip('judged-record', '')]);
  for (const count of [countChecks(receipt), shown, followed])
    expect(count).toMatchObject({ passed: 2, failed: 0, skipped: 1 });
  expect(shown.beside).toEqual({ passed: ['answer'], skipped: [] });
  expect(followed.beside).toEqual({ passed: ['settled', 'log-head'], skipped: ['judged-record'] });
});

it('counts each failure, also beside the receipt', () => {
  expect(countChecks([...receipt, fail('answer', ''), fail('format', '')]).failed).toBe(2);
});

it('describes the checks beside a receipt', () => {
  expect(describeBeside(countChecks(receipt))).toBeUndefined();
  expect(describeBeside(countChecks([pass('answer', ''), skip('settled', '')]))).toBe(
    'also passed: answer; also skipped: settled',
  );
});
