import { toHex } from '@ogong/protocol/base/bytes';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { appendVerdict, computeGenesisPosition, type VerdictFields } from '@ogong/protocol/settlement/verdict-log';
import { describe, expect, it } from 'vitest';
import { checkLog, type ReadEntries } from './logs.ts';
import { listProviders, listReplies, sumDays } from './standing.ts';

const validator = new Uint8Array(20).fill(1);
const [chainId, settlement] = [31_337n, new Uint8Array(20).fill(9)];
const fields = (index: number): VerdictFields => ({
  replyId: new Uint8Array(16).fill(index),
  recordHash: new Uint8Array(32).fill(2),
  ...{ providerId: new Uint8Array(32).fill(3), payee: new Uint8Array(20).fill(4) },
  ...{ payer: new Uint8Array(20).fill(5), router: new Uint8Array(20).fill(6) },
  ...{ verdict: 'accept', evidence: 'exact', feeAtomic: 9n, fineAtomic: 0n, verifiers: [], beaconEpoch: 9n },
  ...{ evidenceHash: new Uint8Array(32).fill(1), step: 'reply', eValuePpm: 100, ejects: false, timeMs: 1_000 + index },
});

const heads: string[] = [];
const entries: Uint8Array[] = [];
let position = computeGenesisPosition(crypto, { chainId, settlement, validator });
for (const index of [1, 2, 3]) {
  const appended = appendVerdict(crypto, position, fields(index));
  position = appended.position;
  entries.push(appended.bytes);
  heads.push(toHex(position.head));
}

const anchorAt = (length: number, head = heads[length - 1]) => ({
  sequence: 1n,
  logLength: BigInt(length),
  logHead: `0x${head}` as const,
});
const check = (given: Partial<ReadEntries> = {}) => {
  const log = checkLog({ validator, chainId, settlement, anchor: anchorAt(2), from: 0n, entries, ...given });
  return { log, statuses: log.checks.map(({ id, status }) => `${id} ${status}`) };
};

describe('the log of a validator', () => {
  it('is settled as far as the head that the chain has', () => {
    const { log, statuses } = check();
    expect(statuses).toEqual(['log-chain pass', 'log-anchor pass']);
    expect(log.settledLength).toBe(2n);
    expect(listReplies([log]).map(({ isSettled }) => isSettled)).toEqual([false, true, true]);
    expect(listProviders(listReplies([log]), undefined)).toMatchObject([{ replies: 3, verdicts: { accept: 3 } }]);
  });

  it('may begin in its middle: the head proves earlier entries', () => {
    expect(check({ from: 1n, entries: entries.slice(1) }).statuses).toEqual(['log-chain pass', 'log-anchor pass']);
  });

  it('is refuted if an entry was changed, left out, or is of another log', () => {
    const [first, second, third] = entries as [Uint8Array, Uint8Array, Uint8Array];
    const bent = Uint8Array.from(second);
    bent[bent.length - 1] = (bent.at(-1) ?? 0) ^ 1;
    expect(check({ entries: [first, bent, third] }).statuses[0]).toBe('log-chain fail');
    expect(check({ entries: [first, third] }).statuses[0]).toBe('log-chain fail');
    expect(check({ validator: new Uint8Array(20) }).statuses[0]).toBe('log-chain fail');
    expect(check({ settlement: new Uint8Array(20) }).statuses[0]).toBe('log-chain fail');
    // A chain of entries that leads to another head than the chain's.
    const { log, statuses } = check({ entries: [first, bent] });
    expect(statuses).toEqual(['log-chain pass', 'log-anchor fail']);
    expect(log.settledLength).toBe(0n);
  });

  it('is only claimed if the chain is not read, or its head is not among the read entries', () => {
    expect(check({ anchor: undefined }).statuses[1]).toBe('log-anchor skip');
    expect(check({ anchor: anchorAt(0, '00') }).statuses[1]).toBe('log-anchor skip');
    expect(check({ anchor: { ...anchorAt(1), logLength: 9n } }).statuses[1]).toBe('log-anchor skip');
    expect(check({ from: 2n, entries: entries.slice(2), anchor: anchorAt(1) }).statuses[1]).toBe('log-anchor skip');
  });
});

it('sums the replies of a log by day and model, with settled, pending and unpaid ones', () => {
  const own: Uint8Array[] = [];
  let at = computeGenesisPosition(crypto, { chainId, settlement, validator });
  const unpaid = { verdict: 'reject', feeAtomic: 0n, evidence: 'exact' } as const;
  const days = [
    { ...fields(1), timeMs: Date.UTC(2026, 10, 24, 23, 59, 59, 999) },
    { ...fields(2), timeMs: Date.UTC(2026, 10, 25) },
    { ...fields(3), ...unpaid, timeMs: Date.UTC(2026, 10, 25, 1) },
    { ...fields(4), timeMs: Date.UTC(2026, 10, 25, 2) },
  ];
  let settledHead: Uint8Array = new Uint8Array();
  for (const [index, each] of days.entries()) {
    const appended = appendVerdict(crypto, at, each);
    at = appended.position;
    own.push(appended.bytes);
    if (index === 2) settledHead = at.head;
  }
  const anchor = { sequence: 1n, logLength: 3n, logHead: `0x${toHex(settledHead)}` as const };
  const replies = listReplies([checkLog({ validator, chainId, settlement, anchor, from: 0n, entries: own })]);
  const none = new Map<string, string>();
  expect(sumDays(replies, none)).toEqual([
    { day: '2026-11-25', modelRoot: '', replies: 3, settledAtomic: 9n, pendingAtomic: 9n, unpaid: { reject: 1 } },
    { day: '2026-11-24', modelRoot: '', replies: 1, settledAtomic: 9n, pendingAtomic: 0n, unpaid: {} },
  ]);
  // Of the newest day: the unpaid reply is of model b, the newest of model a, the third of an unknown model.
  const models = new Map([days[3], days[2]].map((each, i) => [toHex(each?.replyId as Uint8Array), 'ab'[i] as string]));
  const brief = sumDays(replies, models).map((row) => [row.day, row.modelRoot, row.settledAtomic, row.pendingAtomic]);
  expect(brief).toEqual([
    ['2026-11-25', 'a', 0n, 9n],
    ['2026-11-25', 'b', 0n, 0n],
    ['2026-11-25', '', 9n, 0n],
    ['2026-11-24', '', 9n, 0n],
  ]);
});
