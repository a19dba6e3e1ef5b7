import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { openStore } from '@ogong/host/store/store';
import { encodeOrder } from '@ogong/protocol/exchange/order';
import { appendVerdict, computeGenesisPosition, type VerdictFields } from '@ogong/protocol/settlement/verdict-log';
import { describe, expect, it } from 'vitest';
import type { Ledger } from '../chain/ledger.ts';
import type { Machine } from '../world/process.ts';
import { watchNewcomers } from './newcomers.ts';

const SCHEMA = `
  CREATE TABLE log (position INTEGER PRIMARY KEY, entry BLOB NOT NULL, reply_id BLOB NOT NULL);
  CREATE TABLE replies (reply_id BLOB PRIMARY KEY, order_bytes BLOB NOT NULL);
`;
const fill = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);
const ENTRANCE = 100n;
const ORDERED_MS = 1_000_000;

const order = {
  ...{ payer: fill(1, 20), validator: fill(2, 20), cumulativeAtomic: 1n, requestHash: fill(3), nonce: fill(4) },
  ...{ modelRoot: fill(5), providerId: fill(6), payee: fill(7, 20), router: fill(8, 20), choice: 0, contextSize: 1 },
  ...{ maxFeeAtomic: 100n, pricePer1kAtomic: 1n, epoch: 1n, expiresAtMs: BigInt(ORDERED_MS + 600_000) },
};
const audited: VerdictFields = {
  ...{ replyId: fill(10, 16), recordHash: fill(11), providerId: order.providerId, payee: order.payee },
  ...{ verdict: 'accept', evidence: 'statistical', feeAtomic: 100n, fineAtomic: 0n, payer: order.payer },
  ...{ router: order.router, verifiers: [], beaconEpoch: 1n, evidenceHash: fill(12), step: 'reply' },
  ...{ eValuePpm: 900_000, ejects: false, timeMs: ORDERED_MS },
};
const free = { step: 'none', eValuePpm: 0, evidence: 'none' } as const;

/** Returns the findings of the watch in an entry about a key with this bond at the time of the order. */
function play(entry: VerdictFields, heldAtomic: bigint): string[] {
  const store = openStore(':memory:', { schema: SCHEMA });
  const start = computeGenesisPosition(crypto, {
    chainId: 31_337n,
    settlement: fill(4, 20),
    validator: order.validator,
  });
  const { bytes } = appendVerdict(crypto, start, entry);
  store.prepare('INSERT INTO log VALUES (0, ?, ?)').run(bytes, entry.replyId);
  store.prepare('INSERT INTO replies VALUES (?, ?)').run(entry.replyId, encodeOrder(order));
  const found: string[] = [];
  const asked: number[] = [];
  const ledger = {
    mostHeldBy(_account: unknown, atMs: number) {
      asked.push(atMs);
      return heldAtomic;
    },
  } as unknown as Ledger;
  const machine = { name: 'validator-0', disk: { find: () => store } } as unknown as Machine;
  const watch = watchNewcomers({ ledger, violate: (invariant) => void found.push(invariant) }, [machine], ENTRANCE);
  watch.finish();
  store.close();
  for (const atMs of asked) expect(atMs).toBe(ORDERED_MS);
  return found;
}

describe('a watch over newcomers', () => {
  it('finds nothing where what they are paid for was audited, and little', () => {
    expect(play(audited, 0n)).toEqual([]);
    expect(play({ ...audited, ...free, verdict: 'abandoned', feeAtomic: 0n }, 0n)).toEqual([]);
  });

  it('finds a reply that was not audited, and one that cost more than the entrance', () => {
    expect(play({ ...audited, ...free, verdict: 'unaudited' }, 0n)).toEqual(['newcomers-are-audited']);
    expect(play({ ...audited, feeAtomic: ENTRANCE + 1n }, 0n)).toEqual(['newcomers-serve-little']);
  });

  it('excuses keys that held something', () => {
    expect(play({ ...audited, ...free, verdict: 'unaudited', feeAtomic: ENTRANCE + 1n }, 1n)).toEqual([]);
  });
});
