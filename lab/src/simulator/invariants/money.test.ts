import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { openStore, type Store } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { appendVerdict, computeGenesisPosition, type VerdictFields } from '@ogong/protocol/settlement/verdict-log';
import { afterEach, describe, expect, it } from 'vitest';
import type { Settled } from '../chain/ledger.ts';
import type { Honesty } from '../lies/plant-lies.ts';
import { listValidator, validatorName } from '../roles/validator.ts';
import type { Machine } from '../world/process.ts';
import type { World } from '../world/world.ts';
import { watchMoney } from './money.ts';

/** What the watch reads of a validator's database. */
const SCHEMA = `
  CREATE TABLE log (position INTEGER PRIMARY KEY, entry BLOB NOT NULL, reply_id BLOB NOT NULL);
  CREATE TABLE replies (reply_id BLOB PRIMARY KEY, state TEXT, provider_id BLOB, beacon_epoch INTEGER, expires_at INTEGER, admitted_at INTEGER);
  CREATE TABLE beacon_values (epoch INTEGER PRIMARY KEY);
`;
const fill = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);
const [HONEST, OTHER, FORGER] = [fill(1), fill(2), fill(3)];
const PAYER = fill(7, 20);
const NOW_MS = 1_000_000;
const stores: Store[] = [];

afterEach(() => {
  for (const store of stores.splice(0)) store.close();
});

const credited = (verifierId: Uint8Array) =>
  ({ verifierId, payee: fill(8, 20), outcome: 'credited', tokens: 1 }) as const;

/** An honest provider's reply that an honest verifier accepted. */
const accepted: VerdictFields = {
  ...{ replyId: fill(10, 16), recordHash: fill(11), providerId: HONEST, payee: fill(8, 20) },
  ...{ verdict: 'accept', evidence: 'statistical', feeAtomic: 100n, fineAtomic: 0n, payer: PAYER, router: fill(9, 20) },
  ...{ verifiers: [credited(OTHER)], beaconEpoch: 1n, evidenceHash: fill(12), step: 'reply', eValuePpm: 900_000 },
  ...{ ejects: false, timeMs: NOW_MS },
};
const free = { feeAtomic: 0n, step: 'none', eValuePpm: 0 } as const;

interface Scene {
  /** Of each batch. */
  readonly batches?: readonly (readonly VerdictFields[])[];
  readonly drawn?: bigint;
  readonly minted?: bigint;
  readonly ejected?: readonly Uint8Array[];
  readonly refuted?: readonly Uint8Array[];
  readonly open?: string;
  readonly isCalm?: boolean;
  /** What a channel held while something was missing that a reorganisation had taken. */
  readonly heldAtomic?: bigint;
}

/** What the watch finds in batches that a validator settled. */
function play(scene: Scene): string[] {
  const { batches = [[accepted]], drawn = 100n, minted = 5n, ejected = [], refuted = [], open, isCalm = true } = scene;
  const store = openStore(':memory:', { schema: SCHEMA });
  stores.push(store);
  const { address } = listValidator(1, 0);
  let position = computeGenesisPosition(crypto, { chainId: 31_337n, validator: address });
  const settled: Settled[] = [];
  const put = store.prepare('INSERT INTO log VALUES (?, ?, ?)');
  for (const entries of batches) {
    for (const fields of entries) {
      const appended = appendVerdict(crypto, position, fields);
      put.run(Number(position.length), appended.bytes, fields.replyId);
      position = appended.position;
    }
    const debits = drawn === 0n ? [] : [{ payer: PAYER, amount: drawn }];
    const batch = { validator: address, sequence: BigInt(settled.length + 1), logLength: position.length };
    settled.push({ call: { batch, debits }, block: 1, atMs: 1, gross: drawn } as unknown as Settled);
  }
  if (open !== undefined) {
    const add = store.prepare('INSERT INTO replies VALUES (?, ?, ?, 1, 0, 0)');
    add.run(fill(20, 16), open, HONEST);
    store.database.exec('INSERT INTO beacon_values VALUES (9)');
  }
  const found: string[] = [];
  const world = {
    seed: 1,
    time: { nowMs: () => NOW_MS, wallMs: () => NOW_MS },
    ledger: {
      settled,
      ejected: new Map(ejected.map((id) => [`0x${toHex(id)}`, 1])),
      refuted: new Map(refuted.map((payee) => [`0x${toHex(payee)}`, 1])),
      audit: () => ({ there: 5n, minted }),
      leastWhileShort: () => scene.heldAtomic,
    },
    violate: (invariant: string) => void found.push(invariant),
  } as unknown as World;
  const machine = { name: validatorName(0), disk: { find: () => store } } as unknown as Machine;
  const honesty = {
    providers: new Set([HONEST, OTHER, FORGER].map(toHex)),
    honestProviders: new Set([HONEST, OTHER].map(toHex)),
    honestPayees: new Set([toHex(fill(8, 20))]),
    honestVerifiers: new Set([toHex(OTHER)]),
    forgers: new Set([toHex(FORGER)]),
  } as unknown as Honesty;
  const answered = new Set([toHex(accepted.replyId)]);
  const watch = watchMoney(world, [machine], { honesty, answered, isCalm, gateways: [], epochMs: 5_000 });
  watch.check();
  watch.finish();
  return found;
}

const abandoned: VerdictFields = { ...accepted, ...free, verdict: 'abandoned', evidence: 'none', verifiers: [] };
const forged: VerdictFields = { ...accepted, providerId: FORGER };

describe('a watch over money', () => {
  it('finds nothing where an honest reply is paid once', () => {
    expect(play({})).toEqual([]);
    expect(play({ batches: [[accepted], [{ ...accepted, replyId: fill(13, 16) }]] })).toEqual([]);
  });

  const broken: readonly [string, string, Scene][] = [
    ['nothing-is-paid-twice', 'a reply in two batches', { batches: [[accepted], [accepted]] }],
    ['money-is-conserved', 'a unit that is gone', { minted: 6n }],
    ['money-is-conserved', 'a unit that nobody made', { minted: 4n }],
    ['nobody-honest-is-ejected', 'an honest provider on the list', { ejected: [HONEST] }],
    ['nobody-honest-is-slashed', 'an honest payee that is held liable', { refuted: [fill(8, 20)] }],
    [
      'nobody-honest-is-rejected',
      'an honest reply that is rejected',
      { batches: [[{ ...accepted, ...free, verdict: 'reject' }]], drawn: 0n },
    ],
    [
      'nobody-honest-is-fined',
      'a fine',
      { batches: [[{ ...abandoned, replyId: fill(13, 16), fineAtomic: 5n }]], drawn: 0n },
    ],
    ['delivered-work-is-paid', 'an answered reply that counts as abandoned', { batches: [[abandoned]], drawn: 0n }],
    [
      'honest-work-is-judged',
      'a reply that ends unjudged, though others could judge it',
      { batches: [[{ ...accepted, ...free, verdict: 'unjudged', evidence: 'none' }]], drawn: 0n },
    ],
    ['no-forgery-is-accepted', 'a forged reply that an honest verifier accepted', { batches: [[forged]] }],
    ['what-is-drawn-is-owed', 'a unit more than is owed', { drawn: 101n }],
    ['what-is-drawn-is-owed', 'nothing, of a channel that held enough', { drawn: 0n }],
    ['what-is-drawn-is-owed', 'less than is owed, of a channel that was short', { drawn: 99n, heldAtomic: 99n }],
    ['what-was-taken-in-settles', 'a reply that waits', { open: 'waiting' }],
    ['what-was-taken-in-settles', 'a reply that is decided and not settled', { open: 'decided' }],
  ];
  it.each(broken)('finds %s broken by %s', (invariant, _, scene) => {
    expect(play(scene)).toEqual([invariant]);
  });

  it('excuses what the invariants excuse', () => {
    // Nobody else is left to judge it.
    const unjudged: VerdictFields = { ...accepted, ...free, verdict: 'unjudged', evidence: 'none' };
    expect(play({ batches: [[unjudged]], drawn: 0n, ejected: [FORGER, OTHER] })).toEqual(['nobody-honest-is-ejected']);
    // Where there are faults, an honest provider may abandon a reply.
    expect(
      play({ batches: [[{ ...abandoned, replyId: fill(13, 16), fineAtomic: 5n }]], drawn: 0n, isCalm: false }),
    ).toEqual([]);
    // Its verifier lies with it.
    expect(play({ batches: [[{ ...forged, verifiers: [credited(FORGER)] }]] })).toEqual([]);
    // A reorganisation had taken what it would have been drawn of.
    expect(play({ drawn: 0n, heldAtomic: 99n })).toEqual([]);
  });
});
