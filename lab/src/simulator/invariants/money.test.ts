import type { LedgerLine, LedgerTally } from '@ogong/chain/settlement/settle-call';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { openStore, type Store } from '@ogong/host/store/store';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { appendVerdict, computeGenesisPosition, type VerdictFields } from '@ogong/protocol/settlement/verdict-log';
import { afterEach, describe, expect, it } from 'vitest';
import type { Settled } from '../chain/ledger.ts';
import type { Honesty } from '../lies/plant-lies.ts';
import { listValidator, validatorName } from '../roles/validator.ts';
import type { Machine } from '../world/process.ts';
import type { World } from '../world/world.ts';
import { watchMoney } from './money.ts';

/** Tables of a validator's database that the watch reads. */
const SCHEMA = `
  CREATE TABLE log (position INTEGER PRIMARY KEY, entry BLOB NOT NULL, reply_id BLOB NOT NULL);
  CREATE TABLE replies (reply_id BLOB PRIMARY KEY, state TEXT, provider_id BLOB, beacon_epoch INTEGER, expires_at INTEGER,
    admitted_at INTEGER, record BLOB, payer BLOB, max_fee TEXT, fee TEXT, entry_index INTEGER);
  CREATE TABLE batches (to_position INTEGER, state TEXT);
  CREATE TABLE beacon_values (epoch INTEGER PRIMARY KEY);
  CREATE TABLE channels (payer BLOB PRIMARY KEY, owed TEXT, outstanding TEXT);
`;
/** Tables of a gateway's database that the watch reads. */
const BOOKS = `
  CREATE TABLE orders (reply_id TEXT PRIMARY KEY, validator TEXT, max_fee TEXT, held_record TEXT, held_fee TEXT, state TEXT,
    created_ms INTEGER, expires_ms INTEGER);
  CREATE TABLE receipts (reply_id TEXT PRIMARY KEY, receipt BLOB);
  CREATE TABLE spending (account TEXT PRIMARY KEY, reserved TEXT);
  CREATE TABLE channels (validator TEXT PRIMARY KEY, outstanding TEXT);
`;
const fill = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);
const [HONEST, OTHER, FORGER, SILENT] = [fill(1), fill(2), fill(3), fill(4)];
const [PAYER, PAYEE, ROUTER] = [fill(7, 20), fill(8, 20), fill(9, 20)];
const LIES = new Map([
  [toHex(FORGER), 'swap-segment'],
  [toHex(SILENT), 'silent-shard'],
]);
const NOW_MS = 1_000_000;
const stores: Store[] = [];

afterEach(() => {
  for (const store of stores.splice(0)) store.close();
});

const credited = (verifierId: Uint8Array) => ({ verifierId, payee: PAYEE, outcome: 'credited', tokens: 1 }) as const;

/** An honest provider's reply that an honest verifier accepted. */
const accepted: VerdictFields = {
  ...{ replyId: fill(10, 16), recordHash: fill(11), providerId: HONEST, payee: PAYEE },
  ...{ verdict: 'accept', evidence: 'statistical', feeAtomic: 100n, fineAtomic: 0n, payer: PAYER, router: ROUTER },
  ...{ verifiers: [credited(OTHER)], beaconEpoch: 1n, evidenceHash: fill(12), step: 'reply', eValuePpm: 900_000 },
  ...{ ejects: false, timeMs: NOW_MS },
};
const free = { feeAtomic: 0n, step: 'none', eValuePpm: 0 } as const;

/** A rejected reply of a cohort with two shards, whose first one is to blame. */
const blame = (providerId: Uint8Array): VerdictFields => ({
  ...{ ...accepted, ...free, verdict: 'reject', culprit: 0 },
  shards: [
    { providerId, payee: fill(6, 20), firstLayer: 0, layers: 2, pricePer1kAtomic: 1n },
    { providerId: HONEST, payee: PAYEE, firstLayer: 2, layers: 2, pricePer1kAtomic: 1n },
  ],
});

interface Scene {
  /** Of each batch. */
  readonly batches?: readonly (readonly VerdictFields[])[];
  readonly drawn?: bigint;
  readonly minted?: bigint;
  readonly ejected?: readonly Uint8Array[];
  readonly refuted?: readonly Uint8Array[];
  readonly open?: string;
  readonly isCalm?: boolean;
  readonly mayStrand?: boolean;
  readonly hasWitnesses?: boolean;
  /** In place of what the entries come to: of each batch. */
  readonly lines?: readonly Partial<LedgerLine>[];
  readonly tallies?: readonly Partial<LedgerTally>[];
  /** More or less than that on the ledger. */
  readonly credit?: bigint;
  /** The validator lies. */
  readonly isLiars?: boolean;
  /** In the database of the payer's gateway: fee and record of the reply, and the amount reserved for it. */
  readonly held?: { readonly fee?: bigint; readonly most?: bigint; readonly record?: Uint8Array };
  readonly put?: {
    readonly order?: string;
    readonly channel?: string;
    readonly keys?: string;
    /** When the orders were signed, which their validator never saw. */
    readonly atMs?: number;
  };
  /** In the database of the validator. */
  readonly owed?: string;
  readonly outstanding?: string;
  /** The open reply has no record, and its order expired this long ago. */
  readonly expiredMs?: number;
  /** Balance of a channel while an admission was missing after a reorganisation. */
  readonly heldAtomic?: bigint;
}

/** Returns the findings of the watch in batches that a validator settled. */
function play(scene: Scene): string[] {
  const {
    batches = [[accepted]],
    drawn = 100n,
    minted = 5n,
    ejected = [],
    refuted = [],
    open,
    isCalm = true,
    mayStrand = false,
    hasWitnesses = true,
  } = scene;
  const store = openStore(':memory:', { schema: SCHEMA });
  stores.push(store);
  const { address } = listValidator(1, 0);
  let position = computeGenesisPosition(crypto, { chainId: 31_337n, settlement: address, validator: address });
  const settled: Settled[] = [];
  const put = store.prepare('INSERT INTO log VALUES (?, ?, ?)');
  for (const entries of batches) {
    for (const fields of entries) {
      const appended = appendVerdict(crypto, position, fields);
      put.run(Number(position.length), appended.bytes, fields.replyId);
      position = appended.position;
    }
    const debits = drawn === 0n ? [] : [{ payer: PAYER, amount: drawn }];
    const batch = {
      validator: address,
      sequence: BigInt(settled.length + 1),
      logLength: position.length,
      logHead: position.head,
    };
    const gross = entries.reduce((sum, { feeAtomic }) => sum + feeAtomic, 0n);
    const line = { providerId: entries[0]?.providerId, payee: PAYEE, router: ROUTER, gross, fine: 0n };
    const lines = drawn === 0n ? [] : (scene.lines ?? [{}]).map((one) => ({ ...line, ...one }));
    const credits = entries.flatMap(({ verifiers }) => verifiers).length;
    const tally = { payee: PAYEE, credits, refuted: 0 };
    const tallies = credits === 0 ? [] : (scene.tallies ?? [{}]).map((one) => ({ ...tally, ...one }));
    settled.push({ call: { batch, debits, lines, tallies }, block: 1, atMs: 1, gross: drawn } as unknown as Settled);
  }
  store.prepare('INSERT INTO channels VALUES (?, ?, ?)').run(PAYER, scene.owed ?? '0', scene.outstanding ?? '0');
  if (open !== undefined) {
    const add = store.prepare('INSERT INTO replies VALUES (?, ?, ?, 1, ?, 0, ?, NULL, NULL, NULL, 2)');
    const record = open === 'admitted' || scene.expiredMs !== undefined ? null : fill(1);
    store.database.exec("INSERT INTO batches VALUES (2, 'settled'), (3, 'proposed')");
    add.run(fill(20, 16), open, HONEST, NOW_MS - (scene.expiredMs ?? NOW_MS), record);
    store.database.exec('INSERT INTO beacon_values VALUES (9)');
  }
  const found: string[] = [];
  const world = {
    seed: 1,
    time: { nowMs: () => NOW_MS, wallMs: () => NOW_MS },
    ledger: {
      settled,
      creditOf: (owner: Uint8Array) =>
        (creditsOf(settled).get(toHex(owner)) ?? 0n) + (toHex(owner) === toHex(PAYEE) ? (scene.credit ?? 0n) : 0n),
      ejected: new Map(ejected.map((id) => [`0x${toHex(id)}`, 1])),
      refuted: new Map(refuted.map((payee) => [`0x${toHex(payee)}`, 1])),
      audit: () => ({ there: 5n, minted }),
      leastWhileShort: () => scene.heldAtomic,
    },
    violate: (invariant: string) => void found.push(invariant),
  } as unknown as World;
  const machine = { name: validatorName(0), disk: { find: () => store } } as unknown as Machine;
  const books = openBooks(scene, toHex(address));
  const gateway = { name: 'gateway-0', disk: { find: () => books } } as unknown as Machine;
  const honesty = {
    providers: new Set([HONEST, OTHER, FORGER].map(toHex)),
    honestProviders: new Set([HONEST, OTHER].map(toHex)),
    honestPayees: new Set([toHex(PAYEE)]),
    payeeOf: new Map([HONEST, OTHER].map((id) => [toHex(id), toHex(PAYEE)])),
    payerOf: new Map([['gateway-0', toHex(PAYER)]]),
    routerOf: new Map([[toHex(PAYER), toHex(ROUTER)]]),
    honestVerifiers: new Set([toHex(OTHER)]),
    forgers: new Set([toHex(FORGER)]),
    lieOf: (provider: string) => LIES.get(provider),
  } as unknown as Honesty;
  const answered = new Set([toHex(accepted.replyId)]);
  const watch = watchMoney(world, scene.isLiars ? [] : [machine], {
    honesty,
    answered,
    isCalm,
    mayStrand,
    hasWitnesses,
    gateways: [gateway],
    all: [machine],
    epochMs: 5_000,
    healMs: 120_000,
  });
  watch.check();
  watch.finish();
  return [...new Set(found)];
}

/** Opens a gateway's database with the orders of all replies of a scene. */
function openBooks({ held = {}, put = {}, batches = [[accepted]] }: Scene, validator: string): Store {
  const books = openStore(':memory:', { schema: BOOKS });
  stores.push(books);
  const { fee = 100n, most = 500n, record = accepted.recordHash } = held;
  const { atMs = 800_000 } = put;
  const add = books.prepare('INSERT OR IGNORE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  for (const { replyId } of batches.flat()) {
    add.run(toHex(replyId), validator, `${most}`, toHex(record), `${fee}`, put.order ?? 'closed', atMs, atMs);
  }
  books.prepare('INSERT INTO channels VALUES (?, ?)').run(validator, put.channel ?? '0');
  books.prepare("INSERT INTO spending VALUES ('key', ?)").run(put.keys ?? '0');
  return books;
}

/** Shares lines of models without a maker as the contract does: 1 % each for router, validator, verification and treasury, 0.02 % for the licence. */
function creditsOf(settled: readonly Settled[]): ReadonlyMap<string, bigint> {
  const credits = new Map<string, bigint>();
  const add = (owner: Uint8Array, amount: bigint): void =>
    void credits.set(toHex(owner), (credits.get(toHex(owner)) ?? 0n) + amount);
  for (const { call } of settled) {
    let [pool, judged] = [0n, 0n];
    for (const { payee, router, gross, fine = 0n } of call.lines) {
      const one = (gross - fine) / 100n;
      add(payee as Uint8Array, gross - fine - 4n * one - ((gross - fine) * 2n) / 10_000n);
      add(router as Uint8Array, one);
      pool += one + fine;
      judged += one;
    }
    const all = BigInt(call.tallies.reduce((sum, one) => sum + one.credits, 0));
    for (const one of call.tallies) add(one.payee as Uint8Array, all === 0n ? 0n : (pool * BigInt(one.credits)) / all);
    add(call.batch.validator as Uint8Array, judged - judged / 2n);
  }
  return credits;
}

const ended: VerdictFields = {
  ...{ ...accepted, ...free, verdict: 'unjudged', evidence: 'none', verifiers: [] },
  recordHash: new Uint8Array(32),
};
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
    ['delivered-work-is-paid', 'an answered reply that counts as ended', { batches: [[ended]], drawn: 0n }],
    [
      'honest-work-is-judged',
      'a reply that ends unjudged, though others could judge it',
      { batches: [[{ ...accepted, ...free, verdict: 'unjudged', evidence: 'none' }]], drawn: 0n },
    ],
    ['no-forgery-is-accepted', 'a forged reply that an honest verifier accepted', { batches: [[forged]] }],
    ['what-is-drawn-is-owed', 'a unit more than is owed', { drawn: 101n }],
    ['what-is-drawn-is-owed', 'nothing, of a channel that held enough', { drawn: 0n }],
    ['what-is-drawn-is-owed', 'less than is owed, of a channel that was short', { drawn: 99n, heldAtomic: 99n }],
    ['what-is-earned-is-paid', 'a line for another payee', { lines: [{ payee: fill(6, 20) }] }],
    ['what-is-earned-is-paid', 'a line for another router', { lines: [{ router: fill(6, 20) }] }],
    ['what-is-earned-is-paid', 'a line for another provider', { lines: [{ providerId: OTHER }] }],
    ['what-is-earned-is-paid', 'a line that is too small', { lines: [{ gross: 99n }] }],
    ['what-is-earned-is-paid', 'a fine that nobody was fined', { lines: [{ fine: 1n }] }],
    ['what-is-earned-is-paid', 'a report that counts for another', { tallies: [{ payee: fill(6, 20) }] }],
    ['what-is-earned-is-paid', 'tokens that do not count', { tallies: [{ credits: 0 }] }],
    ['what-is-earned-is-paid', 'a mark that no entry has', { tallies: [{ refuted: 1 }] }],
    ['what-is-earned-is-paid', 'less on the ledger than batches come to', { credit: -1n }],
    [
      'what-is-earned-is-paid',
      'an entry for another payee than served',
      { batches: [[{ ...accepted, payee: fill(6, 20) }]], lines: [{ payee: fill(6, 20) }] },
    ],
    [
      'what-is-earned-is-paid',
      'an entry for another router than was asked',
      { batches: [[{ ...accepted, router: fill(6, 20) }]], lines: [{ router: fill(6, 20) }] },
    ],
    [
      'what-is-earned-is-paid',
      'an entry that credits another than verified',
      {
        batches: [[{ ...accepted, verifiers: [{ ...credited(OTHER), payee: fill(6, 20) }] }]],
        tallies: [{ payee: fill(6, 20) }],
      },
    ],
    ['what-is-earned-is-paid', 'less than the payer would pay', { held: { fee: 101n } }],
    ['nobody-honest-pays-more', 'more than its payer counted', { held: { fee: 99n } }],
    ['nobody-honest-pays-more', 'more than was ordered', { held: { most: 99n, record: fill(6) } }],
    ['nobody-honest-pays-more', 'a fee of a liar’s batch', { held: { fee: 50n }, isLiars: true }],
    [
      'nobody-honest-is-rejected',
      'a liar’s batch',
      { batches: [[{ ...accepted, ...free, verdict: 'reject' }]], drawn: 0n, isLiars: true },
    ],
    ['nobody-honest-is-rejected', 'blame of an honest shard', { batches: [[blame(OTHER)]], drawn: 0n, isLiars: true }],
    ['only-wrong-rows-are-blamed', 'blame of a silent shard', { batches: [[blame(SILENT)]], drawn: 0n }],
    [
      'what-is-reserved-comes-back',
      'an order that ended and stays open',
      { put: { order: 'open', channel: '500', keys: '500' } },
    ],
    ['what-is-reserved-comes-back', 'what stays put by in a channel', { put: { channel: '500' } }],
    ['what-is-reserved-comes-back', 'what stays put by of a key', { put: { keys: '500' } }],
    ['what-is-reserved-comes-back', 'what a validator still has reserved', { outstanding: '1' }],
    ['what-is-reserved-comes-back', 'what a payer still owes', { owed: '1' }],
    ['what-was-taken-in-settles', 'a reply that waits', { open: 'waiting' }],
    ['what-was-taken-in-settles', 'a reply that is decided and not settled', { open: 'decided' }],
  ];
  it.each(broken)('finds %s broken by %s', (invariant, _, scene) => {
    expect(play(scene)).toEqual([invariant]);
  });

  describe('of a key in debt', () => {
    const charged: VerdictFields = { ...accepted, ...free, verdict: 'inconclusive', fineAtomic: 150n };
    const later = [30, 31, 32].map((byte) => ({ ...accepted, replyId: fill(byte, 16) }));
    const burnt = { providerId: fill(0), payee: fromHex(`${'00'.repeat(18)}dead`) };

    it('demands that its fees are burnt until they have paid the debt', () => {
      const entries = [charged, ...later];
      const lines = [{ ...burnt, gross: 200n }, { gross: 100n }];
      expect(play({ batches: [entries], drawn: 300n, lines })).toEqual([]);
      expect(new Set(play({ batches: [entries], drawn: 300n }))).toEqual(new Set(['what-is-earned-is-paid']));
    });

    it('remembers the debt of a batch before', () => {
      const [first, ...rest] = later as [VerdictFields, ...VerdictFields[]];
      const lines = [{ ...burnt, gross: 100n }];
      expect(play({ batches: [[charged, first], [rest[0] as VerdictFields]], lines })).toEqual([]);
    });
  });

  it('excuses what the invariants excuse', () => {
    // This shard has sent wrong rows.
    expect(play({ batches: [[blame(FORGER)]], drawn: 0n })).toEqual([]);
    // An order that its provider ended.
    expect(play({ batches: [[{ ...ended, replyId: fill(13, 16) }]], drawn: 0n })).toEqual([]);
    // No other verifier is left to audit it.
    const unjudged: VerdictFields = { ...accepted, ...free, verdict: 'unjudged', evidence: 'none' };
    expect(play({ batches: [[unjudged]], drawn: 0n, ejected: [FORGER, OTHER] })).toEqual(['nobody-honest-is-ejected']);
    // The verifier that is left lies.
    expect(play({ batches: [[unjudged]], drawn: 0n, ejected: [OTHER] })).toEqual(['nobody-honest-is-ejected']);
    // Its report is the only one.
    const framed: VerdictFields = { ...accepted, ...free, verdict: 'reject', verifiers: [credited(FORGER)] };
    const byOneReport = { batches: [[framed]], drawn: 0n };
    expect(play({ ...byOneReport, ejected: [OTHER] })).toEqual(['nobody-honest-is-ejected']);
    expect(play(byOneReport)).toEqual(['nobody-honest-is-rejected']);
    // No other verifier was known yet.
    expect(play({ ...byOneReport, put: { atMs: 19_000 } })).toEqual([]);
    // Where there are faults, or shards that strand their leader, an honest provider may abandon a reply.
    const fined = { batches: [[{ ...abandoned, replyId: fill(13, 16), fineAtomic: 5n }]], drawn: 0n };
    expect(play({ ...fined, isCalm: false })).toEqual([]);
    expect(play({ ...fined, mayStrand: true })).toEqual([]);
    // Lost calls make it late, and no other validator asks it.
    const late: VerdictFields = { ...accepted, ...free, verdict: 'reject', step: 'late', verifiers: [] };
    const unheard = { batches: [[late]], drawn: 0n, isCalm: false };
    expect(play({ ...unheard, hasWitnesses: false })).toEqual([]);
    expect(play(unheard)).toEqual(['nobody-honest-is-rejected']);
    expect(play({ ...unheard, hasWitnesses: false, isCalm: true })).toEqual(['nobody-honest-is-rejected']);
    // Its verifier lies with it.
    expect(play({ batches: [[{ ...forged, verifiers: [credited(FORGER)] }]] })).toEqual([]);
    // An order without a record is open until it expires, and its abandoned reply is settled after that.
    expect(play({ open: 'decided', expiredMs: 90_000 })).toEqual([]);
    expect(play({ open: 'decided', expiredMs: 90_001 })).toEqual(['what-was-taken-in-settles']);
    expect(play({ open: 'admitted', expiredMs: 90_001 })).toEqual(['what-was-taken-in-settles']);
    // No validator could inform its payer yet.
    expect(play({ put: { order: 'open', channel: '500', keys: '500', atMs: 930_000 } })).toEqual([]);
    // A reorganisation had taken the admission back that would have paid it.
    expect(play({ drawn: 0n, heldAtomic: 99n })).toEqual([]);
  });
});
