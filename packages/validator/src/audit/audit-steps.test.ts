import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createTestValidator } from '@ogong/testing/validator/test-bench';
import { describe, expect, it } from 'vitest';
import { startWork } from './audit.ts';
import { computeAskDelay } from './audit-state.ts';
import { collectEvidence } from './conduct-audit.ts';
import { groupByBeacon } from './select-replies.ts';

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

describe('work', () => {
  function createPlaces() {
    const failed: unknown[] = [];
    const state = { stopping: new AbortController(), onError: (error: unknown) => void failed.push(error) };
    const taken = new Map<string, Promise<void>>();
    const start = (run: () => Promise<void>) => startWork(state, taken, { key: 'a', replyId: bytes(16, 1), run });
    return { state, taken, failed, start };
  }

  it('is done once at a time, and again when it has ended', async () => {
    const { taken, start } = createPlaces();
    let runs = 0;
    const run = async () => void runs++;
    start(run);
    start(run);
    expect(runs).toBe(1);
    await taken.get('a');
    expect(taken.size).toBe(0);
    start(run);
    expect(runs).toBe(2);
  });

  it('gives its place back when it fails, and says why', async () => {
    const { taken, failed, start } = createPlaces();
    start(() => Promise.reject(new Error('no answer')));
    await taken.get('a');
    expect(taken.size).toBe(0);
    expect(failed).toEqual([new Error('no answer')]);
  });

  it('neither starts nor complains once the validator stops', async () => {
    const { state, taken, failed, start } = createPlaces();
    start(() => Promise.reject(new Error('cut short')));
    state.stopping.abort();
    await taken.get('a');
    expect(failed).toEqual([]);
    start(() => Promise.reject(new Error('not to be started')));
    expect(taken.size).toBe(0);
  });
});

describe('the moment of asking', () => {
  const state = { crypto, jobSecret: bytes(32, 5), spreadMs: 1_000 };
  const ids = Array.from({ length: 20 }, (_, i) => bytes(16, i));

  it('is the same after a restart, lies within the span, and differs between ids', () => {
    const delays = ids.map((id) => computeAskDelay(state, id));
    expect(ids.map((id) => computeAskDelay({ ...state }, id))).toEqual(delays);
    for (const delayMs of delays) {
      expect(delayMs).toBeGreaterThanOrEqual(0);
      expect(delayMs).toBeLessThan(1_000);
    }
    expect(new Set(delays).size).toBeGreaterThan(15);
  });

  it('is known to nobody without the secret', () => {
    const other = { ...state, jobSecret: bytes(32, 6) };
    expect(ids.map((id) => computeAskDelay(other, id))).not.toEqual(ids.map((id) => computeAskDelay(state, id)));
  });
});

it('selects by the beacon that the order fixes, and leaves what has none for later', async () => {
  const validator = createTestValidator();
  const first = (await validator.deliver(0)).reply.record.replyId;
  const ids = [first, bytes(16, 0xee)];
  expect(groupByBeacon(validator, ids).size).toBe(0);
  await validator.certify();
  const second = (await validator.deliver(1)).reply.record.replyId;
  await validator.certify();
  const groups = [...groupByBeacon(validator, [...ids, second])];
  expect(groups.map(([epoch, rows]) => [epoch, rows.map(({ replyId }) => replyId)])).toEqual([
    [4n, [first]],
    [8n, [second]],
  ]);
  await validator.close();
});

it('rests on the opening alone if nobody was asked', async () => {
  const validator = createTestValidator();
  const row = { replyId: bytes(16, 1) };
  const drift = { note: { tableHash: bytes(32, 1) } } as never;
  expect(collectEvidence(validator, row, { drift }, { bytes: bytes(3, 7), outcome: 'refuted' })).toEqual({
    kind: 'audit',
    opening: bytes(3, 7),
    drift: undefined,
    lists: [],
    attempts: [],
  });
  await validator.close();
});
