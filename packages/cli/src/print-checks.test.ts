import { type Check, pass, skip } from '@ogong/protocol/base/checks';
import type { ReceiptShard } from '@ogong/protocol/verdict/receipt/cohort-checks';
import { expect, it } from 'vitest';
import { formatCohort, formatPassed, formatVerdict } from './print-checks.ts';

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

const shard = { numericClass: 'cpu/exact', payee: `0x${'00'.repeat(20)}`, isLeader: false };

it('lists the shards of a cohort with layers, prices and roots, and says how many providers read the prompt', () => {
  const shards: readonly ReceiptShard[] = [
    {
      ...{ ...shard, firstLayer: 0, layers: 20, providerId: 'a'.repeat(64), pricePer1kAtomic: `${3n * 10n ** 14n}` },
      boundary: { positions: 36, root: '81'.repeat(32), isSigned: true },
    },
    { ...shard, firstLayer: 20, layers: 1, providerId: 'b'.repeat(64), pricePer1kAtomic: '7' },
    {
      ...shard,
      firstLayer: 21,
      layers: 11,
      providerId: 'c'.repeat(64),
      pricePer1kAtomic: `${10n ** 15n + 7n}`,
      isLeader: true,
    },
  ];
  const text = formatCohort({ manifestHash: '00'.repeat(32), shards, verdict: 'unaudited' });
  expect(text.split('\n')).toEqual([
    'cohort: 3 providers read the prompt',
    '  0  layers 0 to 19   aaaaaaaaaaaa  price 0.0003 OGONG                root 818181818181 over 36 positions, signed  cpu/exact',
    '  1  layer 20         bbbbbbbbbbbb  price 0.000000000000000007 OGONG  no root                                      cpu/exact',
    '  2  layers 21 to 31  cccccccccccc  price 0.001 OGONG                 leads                                        cpu/exact',
    'audit of the shards: the beacon chose none',
    '',
  ]);
  const unsigned = shards.map((one) =>
    one.boundary ? { ...one, boundary: { ...one.boundary, isSigned: false } } : one,
  );
  expect(formatCohort({ manifestHash: '00'.repeat(32), shards: unsigned })).toContain('positions, NOT SIGNED');
  expect(formatCohort(undefined)).toBe('');
  const culprit = { place: 1, firstLayer: 20, layers: 1, providerId: 'b'.repeat(64) };
  expect(formatCohort({ manifestHash: '00'.repeat(32), shards, culprit })).toContain(
    `\nthe validator rejects shard 1 (layer 20): key ${'b'.repeat(64)}\n`,
  );
});

it('names the readers of a prompt in the line under an answer', () => {
  const line = (checked: readonly Check[]) =>
    formatPassed({ checks: checked, allowed: [], provider: 'f'.repeat(64), fee: undefined });
  expect(line([pass('cohort', '3 providers read the prompt')])).toContain(' · 3 providers read the prompt · provider ');
  expect(line(checks)).not.toContain('read the prompt');
});
