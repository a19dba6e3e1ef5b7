import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { evaluateClaims } from './claims/claims.ts';
import { summarize } from './summary.ts';
import { createSyntheticRun } from './synthetic-run.ts';

const schema = new URL('../../../docs/schema/demo-summary.schema.json', import.meta.url);
const ajv = new Ajv2020({ strict: true, strictTypes: false });
const isSummary = ajv.compile(JSON.parse(readFileSync(schema, 'utf8')));
const fits = (value: unknown): boolean => isSummary(JSON.parse(JSON.stringify(value)));

const run = await createSyntheticRun();
const transaction = `0x${'ab'.repeat(32)}`;
const summary = await summarize({
  run: { ...run, settlements: run.settlements.map((settlement) => ({ ...settlement, transaction })) },
  claims: await evaluateClaims(run),
  timings: { startMs: 1.4, requestsMs: 2, settleMs: 3, picturesMs: 4, shardsMs: 5, hubMs: 6, totalMs: 6.6 },
  versions: { node: 'v24' },
});

describe('summary of the demo', () => {
  it('can be written as JSON, and fits its schema', () => {
    expect(fits(summary), ajv.errorsText(isSummary.errors)).toBe(true);
    expect(summary.ok).toBe(true);
    expect(summary.held.until).toBe('2025-06-15T15:07:40.000Z');
    expect(summary.held.parties).toEqual([
      { name: expect.stringContaining('provider'), heldAtomic: expect.any(String) },
    ]);
    const parts = { picturesMs: 4, shardsMs: 5, hubMs: 6 };
    expect(summary.timings).toEqual({ startMs: 1, requestsMs: 2, settleMs: 3, ...parts, totalMs: 7 });
  });

  it.each([
    [
      'an amount held that is a number',
      { ...summary, held: { ...summary.held, parties: [{ name: 'a', heldAtomic: 1 }] } },
    ],
    ['an unknown field', { ...summary, extra: 1 }],
    ['a missing field', { ...summary, claims: undefined }],
    ['an amount that is a number', { ...summary, verdicts: [{ ...summary.verdicts[0], feeAtomic: 1 }] }],
    ['an unknown verdict', { ...summary, verdicts: [{ ...summary.verdicts[0], verdict: 'maybe' }] }],
  ])('does not fit with %s', (_what, wrong) => {
    expect(fits(wrong)).toBe(false);
  });
});
