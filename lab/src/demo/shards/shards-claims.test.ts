import type { Check } from '@ogong/protocol/base/checks';
import { describe, expect, it } from 'vitest';
import { evaluateShardsClaims } from './shards-claims.ts';
import type { ShardedEnd, ShardedReply, ShardsRecord } from './shards-record.ts';

const check = (id: string, status: Check['status'] = 'pass'): Check => ({ id, status, detail: '' });
const split = (names: readonly string[], amounts: readonly bigint[]) =>
  names.map((name, i) => ({ name, feeAtomic: amounts[i] ?? 0n }));

const END: ShardedEnd = {
  verdict: 'accept',
  ...{
    shards: split(['first', 'second', 'last'], [20n, 30n, 51n]),
    culprit: undefined,
    feeAtomic: 101n,
    ejects: false,
  },
  audit: [check('boundary'), check('equality')],
};
const SHARED: ShardedReply = { text: 'a fox ran', durationMs: 10, checks: [check('draw-replay')], end: END };
const BROKEN: ShardedReply = {
  ...SHARED,
  end: { ...END, shards: split(['first', 'spare', 'last'], [20n, 32n, 49n]) },
};
const COARSE_END: ShardedEnd = {
  ...{ ...END, verdict: 'reject', culprit: 'spare', feeAtomic: 0n, ejects: true },
  ...{ shards: split(['first', 'spare', 'last'], []), audit: [check('boundary', 'fail')] },
};
const COARSE: ShardedReply = { ...SHARED, text: 'a box', end: COARSE_END };
const MEMBER = { stakeBeforeAtomic: 9n, stakeAfterAtomic: 9n, isListed: true };
const AMOUNTS = { first: 40n, second: 30n, last: 100n, spare: 32n };

const record: ShardsRecord = {
  ...{ modelMib: 200, slabMib: [90, 110, 60], limitMib: 800, nodeMib: 560, wholeText: 'a fox ran' },
  refusal: 'could not allocate a context; the system allows this process 800 MiB of data, and 750 MiB are in use',
  ...{ shared: SHARED, broken: BROKEN, killed: 'second', shownText: 'a f', coarse: [COARSE], cheat: 'spare' },
  honest: [
    { ...MEMBER, name: 'first' },
    { ...MEMBER, name: 'last' },
  ],
  ...{ ejected: ['spare'], paid: AMOUNTS, due: AMOUNTS, spentAtomic: 202n, feesAtomic: 202n },
};

const failing = (change: Partial<ShardsRecord>): string[] =>
  evaluateShardsClaims({ ...record, ...change }).flatMap(({ id, ok }) => (ok ? [] : [id]));
const withEnd = (reply: ShardedReply, change: Partial<ShardedEnd>): ShardedReply => ({
  ...reply,
  end: { ...(reply.end as ShardedEnd), ...change },
});

describe('claims about a model in segments', () => {
  it('hold for a run without faults', () => {
    expect(failing({})).toEqual([]);
  });

  it.each<[string, Partial<ShardsRecord>, readonly string[]]>([
    ['the whole model fits', { refusal: undefined }, ['too-large']],
    ['the refusal is about something else', { refusal: 'no such file' }, ['too-large']],
    ['no segments served', { shared: { error: 'no cohort' } }, ['too-large', 'shared-fee']],
    ['the whole model says something else', { wholeText: 'a fox sat' }, ['too-large', 'shard-failover']],
    ['an audit compared nothing', { shared: withEnd(SHARED, { audit: [] }) }, ['too-large']],
    ['a check of the receipt fails', { shared: { ...SHARED, checks: [check('draw-replay', 'fail')] } }, ['too-large']],
    ['nothing was settled', { shared: { ...SHARED, end: undefined } }, ['too-large', 'shared-fee']],
    ['one key gets all', { shared: withEnd(SHARED, { shards: split(['last'], [101n]) }) }, ['too-large', 'shared-fee']],
    ['the parts are more than the fee', { shared: withEnd(SHARED, { feeAtomic: 100n }) }, ['shared-fee']],
    ['a batch pays another amount', { paid: { ...AMOUNTS, second: 31n } }, ['shared-fee']],
    ['the killed segment served to the end', { broken: SHARED }, ['shard-failover']],
    ['the answer broke off', { broken: { ...BROKEN, text: 'a f' } }, ['shard-failover']],
    ['the kill came after the answer', { shownText: 'a fox ran' }, ['shard-failover']],
    ['the kill came before the answer', { shownText: '' }, ['shard-failover']],
    ['the stream failed', { broken: { error: 'the stream ended' } }, ['shard-failover']],
    ['no coarse answer came', { coarse: [{ error: 'no cohort' }] }, ['coarse-shard']],
    ['a coarse answer is accepted', { coarse: [withEnd(COARSE, { verdict: 'accept' })] }, ['coarse-shard']],
    ['the audit names another', { coarse: [withEnd(COARSE, { culprit: 'first' })] }, ['coarse-shard']],
    ['a coarse answer costs', { coarse: [withEnd(COARSE, { feeAtomic: 1n })] }, ['coarse-shard']],
    ['another key is ejected, too', { ejected: ['spare', 'first'] }, ['coarse-shard']],
    ['the consumer is charged more', { spentAtomic: 203n }, ['coarse-shard']],
    ['an honest key loses stake', { honest: [{ ...MEMBER, name: 'first', stakeAfterAtomic: 8n }] }, ['coarse-shard']],
    ['an honest key is not listed', { honest: [{ ...MEMBER, name: 'last', isListed: false }] }, ['coarse-shard']],
  ])('fail if %s', (_what, change, expected) => {
    expect(failing(change)).toEqual(expected);
  });
});
