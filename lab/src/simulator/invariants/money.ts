import { profiles } from '@ogong/chain/deploy/deploy';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Store } from '@ogong/host/store/store';
import { computeAttemptEpoch, MAX_AUDIT_ATTEMPTS } from '@ogong/protocol/audit/audit-attempt';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import { OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import { findAccountable } from '@ogong/protocol/settlement/cohort';
import {
  computeEntryHash,
  isBillable,
  parseVerdictEntry,
  type VerdictEntry,
} from '@ogong/protocol/settlement/verdict-log';
import { listEntries } from '@ogong/validator/store/batch-store';
import { IS_SETTLED } from '@ogong/validator/store/replies/reply-states';
import type { Settled } from '../chain/ledger.ts';
import { indexOf } from '../lies/lie-names.ts';
import { listValidator } from '../roles/validator.ts';
import type { Machine } from '../world/process.ts';
import type { World } from '../world/world.ts';
import { createEntryCheck, type WatchedEntries } from './entries.ts';
import { findUnpaid, sumCredits } from './owed.ts';
import { checkReservations } from './reservations.ts';

/** An order without a record is open until it expires, and a little longer. */
const ABANDONED_AFTER_MS = 90_000;
/** Part of the recovery time: the last request may be admitted this late. */
const ADMITTING_MS = 60_000;
const OPEN_REPLIES = `SELECT state, provider_id, beacon_epoch FROM replies
  WHERE NOT (${IS_SETTLED}) AND CASE WHEN record IS NULL THEN expires_at < ?2 ELSE admitted_at <= ?1 END ORDER BY state`;
/** Time for the last audit attempt, its delay by silent verifiers, and the batch after it. */
const LAST_SITTING_MS = 90_000;

export interface MoneyWatch {
  check(): void;
  finish(): void;
  readonly verdicts: ReadonlyMap<string, number>;
  settled(): number;
  /** Settled replies of cohorts. */
  shared(): number;
  /** Times from the admission of a reply to its settlement, ms. */
  readonly waits: readonly number[];
  /** Replies of another model, by their verdict at honest validators. */
  readonly forged: Readonly<Record<string, number>>;
  /** Rejected replies by the lie of the provider that answers for them; HONEST for an honest one. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Ejected providers, by their lie. */
  ejected(): Readonly<Record<string, number>>;
}

const HONEST = 'honest';

export interface MoneyContext extends Omit<WatchedEntries, 'hasJudges'> {
  /** Every machine that settles for a validator: two of some liars. */
  readonly all: readonly Machine[];
  readonly epochMs: number;
  /** How long requests have to settle. Tests of providers are bought to the last second of a run. */
  readonly healMs: number;
}

/** As the simulated chain has them. */
const { shares } = profiles.whitepaper;
const SHARES = {
  ...{ routerBps: shares.router, validatorBps: shares.validator, verificationBps: shares.verification },
  ...{ treasuryBps: shares.treasury, licenseBps: shares.license, recycleBps: shares.recycle },
};

const add = (counts: Record<string, number>, name: string): void => {
  counts[name] = (counts[name] ?? 0) + 1;
};

const withoutPrefix = (name: string): string => name.replace(/^0x/, '');

/**
 * Checks the money of a run:
 * - no money is made or lost, and nothing is paid twice;
 * - the payer pays the provider that did the work;
 * - no honest party is ejected or slashed;
 * - accepted replies settle.
 *
 * The batches of lying validators are checked too, because honest co-signers must refuse the wrong ones.
 */
export function watchMoney(world: World, honest: readonly Machine[], context: MoneyContext): MoneyWatch {
  const { honesty, gateways, all, epochMs, healMs } = context;
  const byAddress = Map.groupBy(all, ({ name }) => toHex(listValidator(world.seed, indexOf(name)).address));
  const paid = new Set<string>();
  const shared = new Set<string>();
  const lengths = new Map<string, bigint>();
  const verdicts = new Map<string, number>();
  const waits: number[] = [];
  const forged: Record<string, number> = {};
  const rejected: Record<string, number> = {};
  const checkEntry = createEntryCheck(world, { ...context, hasJudges });
  let seen = 0;

  /**
   * Returns whether an honest verifier is left for replies of a provider. Verifiers announce themselves through their provider,
   * so an ejected provider has no verifier.
   */
  function hasJudges(provider: string): boolean {
    const ejected = new Set([...world.ledger.ejected.keys()].map(withoutPrefix));
    const left = [...honesty.providers].filter((other) => other !== provider && !ejected.has(other));
    return left.some((other) => honesty.honestVerifiers.has(other));
  }

  /** Whether a reply without an honest verifier still has audit attempts left. It ends unjudged after them (docs/spec/audit-selection.md). */
  function mayWait(store: Store, { state, provider_id, beacon_epoch }: Record<string, unknown>): boolean {
    if (state !== 'waiting' && state !== 'auditing') return false;
    if (hasJudges(toHex(provider_id as Uint8Array))) return false;
    const latest = store.prepare('SELECT max(epoch) AS epoch FROM beacon_values').get()?.epoch as number;
    const last = computeAttemptEpoch(BigInt(beacon_epoch as number), MAX_AUDIT_ATTEMPTS - 1);
    return latest <= Number(last) + Math.ceil(LAST_SITTING_MS / epochMs);
  }

  /** When the log of a validator had the last exact proof against a provider, by validator and provider. */
  const proven = new Map<string, ReadonlyMap<string, number>>();

  /** Debts of keys in each log, by validator and provider. */
  const debts = new Map<string, ReadonlyMap<string, bigint>>();

  /** Batches that were read, with an undo for batches that the chain takes back. */
  const read: { readonly batch: Settled; readonly takeBack: () => void }[] = [];

  function checkLedger(): void {
    const { there, minted } = world.ledger.audit();
    if (there !== minted) world.violate('money-is-conserved', `${minted} were made, ${there} are there`);
    for (const id of world.ledger.ejected.keys()) {
      if (honesty.honestProviders.has(withoutPrefix(id))) world.violate('nobody-honest-is-ejected', id);
    }
    for (const payee of world.ledger.refuted.keys()) {
      if (honesty.honestPayees.has(withoutPrefix(payee))) world.violate('nobody-honest-is-slashed', payee);
    }
  }

  function readBatch(index: number): void {
    const batch = world.ledger.settled[index] as Settled;
    checkLedger();
    const { validator, logLength, logHead } = batch.call.batch;
    const name = toHex(validator as Uint8Array);
    const from = lengths.get(name) ?? 0n;
    lengths.set(name, logLength);
    const ids: string[] = [];
    const provenBefore = proven.get(name) ?? new Map<string, number>();
    const debtsBefore = debts.get(name) ?? new Map<string, bigint>();
    read.push({
      batch,
      takeBack() {
        lengths.set(name, from);
        proven.set(name, provenBefore);
        debts.set(name, debtsBefore);
        for (const id of ids) for (const one of [paid, shared]) one.delete(id);
      },
    });
    const machines = byAddress.get(name) ?? [];
    const found = machines.flatMap((one) => readLog(one, { from, logLength, logHead: logHead as Uint8Array }));
    const [log] = found;
    if (log === undefined) {
      // A liar may have lost its disk since.
      const own = machines.find((one) => honest.includes(one));
      if (own !== undefined) world.violate('what-is-drawn-is-owed', `${own.name} has another log than the chain`);
      return;
    }
    const { machine, entries } = log;
    const isHonest = honest.includes(machine);
    const provenNow = noteProofs(provenBefore, entries);
    proven.set(name, provenNow);
    for (const entry of entries) {
      const id = toHex(entry.replyId);
      if (paid.has(id)) world.violate('nothing-is-paid-twice', `${id} by ${machine.name}`);
      paid.add(id);
      if (entry.shards.length > 0) shared.add(id);
      ids.push(id);
      if (isHonest) count(entry, log.store);
      checkEntry(entry, { name: machine.name, isVoid: isVoid(provenNow, entry) });
    }
    const owing = new Set(
      entries.filter((one) => one.feeAtomic > 0n && isBillable(one.verdict) && !isVoid(provenNow, one)),
    );
    checkPaid(batch, { entries, owing });
  }

  function count(entry: VerdictEntry, store: Store): void {
    const { replyId, verdict, providerId } = entry;
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    if (verdict === 'reject') add(rejected, lieOf(toHex(findAccountable(entry).providerId)));
    const row = store.prepare('SELECT admitted_at FROM replies WHERE reply_id = ?').get(replyId);
    if (row) waits.push(world.time.wallMs() - (row.admitted_at as number));
    if (honesty.forgers.has(toHex(providerId))) add(forged, verdict);
  }

  function lieOf(provider: string): string {
    return honesty.lieOf(provider) ?? HONEST;
  }

  function checkPaid(
    batch: Settled,
    { entries, owing }: { readonly entries: readonly VerdictEntry[]; readonly owing: ReadonlySet<VerdictEntry> },
  ): void {
    const { call } = batch;
    const owed = new Map<string, bigint>();
    for (const { payer, feeAtomic } of owing) owed.set(toHex(payer), (owed.get(toHex(payer)) ?? 0n) + feeAtomic);
    const name = toHex(call.batch.validator as Uint8Array);
    const before = read.findLast(
      ({ batch: one }) => one !== batch && toHex(one.call.batch.validator as Uint8Array) === name,
    );
    assertDrawn(batch, owed, before?.batch.atMs ?? 0);
    const drawn = new Set(call.debits.map(({ payer }) => toHex(payer as Uint8Array)));
    const isPaid = (entry: VerdictEntry): boolean => owing.has(entry) && drawn.has(toHex(entry.payer));
    const now = new Map(debts.get(name));
    debts.set(name, now);
    for (const wrong of findUnpaid(call, { entries, isPaid, debts: now }))
      world.violate('what-is-earned-is-paid', wrong);
  }

  /**
   * Checks that a batch draws from each payer the amount that it owes. A batch may draw nothing if the channel held less than that
   * amount since the batch before, because a reorganisation had taken an admission back. The contract would refuse such a batch.
   */
  function assertDrawn({ call }: Settled, owed: ReadonlyMap<string, bigint>, sinceMs: number): void {
    const { validator } = call.batch;
    const drawn = new Map(call.debits.map(({ payer, amount }) => [toHex(payer as Uint8Array), amount]));
    for (const payer of new Set([...owed.keys(), ...drawn.keys()])) {
      const [taken, due] = [drawn.get(payer) ?? 0n, owed.get(payer) ?? 0n];
      if (taken === due) continue;
      const least = world.ledger.leastWhileShort(fromHex(payer), validator, sinceMs);
      if (taken === 0n && least !== undefined && least < due) continue;
      const held = least === undefined ? '' : `, whose channel held ${least}`;
      world.violate('what-is-drawn-is-owed', `${taken} drawn, ${due} owed by ${payer}${held}`);
    }
  }

  /** Checks that the credits on the ledger are the sum of all settled batches. */
  function checkCredits(): void {
    const due = sumCredits(
      world.ledger.settled.map(({ call }) => call),
      SHARES,
    );
    for (const owner of new Set([...honesty.honestPayees, ...honesty.routerOf.values(), ...byAddress.keys()])) {
      const has = world.ledger.creditOf(fromHex(owner));
      if (has !== (due.get(owner) ?? 0n)) {
        world.violate(
          'what-is-earned-is-paid',
          `${owner} has ${has} on the ledger, ${due.get(owner) ?? 0n} by its batches`,
        );
      }
    }
  }

  function checkOpen(settlingMs: number): void {
    for (const machine of honest) {
      const store = machine.disk.find('validator');
      const nowMs = world.time.wallMs();
      const rows = store?.prepare(OPEN_REPLIES).all(nowMs - settlingMs, nowMs - ABANDONED_AFTER_MS) ?? [];
      const counts = new Map<unknown, number>();
      for (const row of rows) {
        if (store === undefined || mayWait(store, row)) continue;
        counts.set(row.state, (counts.get(row.state) ?? 0) + 1);
      }
      const text = [...counts].map(([state, n]) => `${n} ${state}`).join(', ');
      if (text !== '') world.violate('what-was-taken-in-settles', `${machine.name} has ${text}`);
    }
  }

  return {
    verdicts,
    waits,
    forged,
    rejected,
    ejected() {
      const counts: Record<string, number> = {};
      for (const id of world.ledger.ejected.keys()) add(counts, lieOf(withoutPrefix(id)));
      return counts;
    },
    settled: () => paid.size,
    shared: () => shared.size,
    check() {
      const { settled } = world.ledger;
      if (settled.length < seen) {
        const isGone = (one: (typeof read)[number] | undefined): boolean =>
          one !== undefined && !settled.includes(one.batch);
        while (isGone(read.at(-1))) read.pop()?.takeBack();
        seen = settled.length;
      }
      for (; seen < settled.length; seen++) readBatch(seen);
    },
    finish() {
      const settlingMs = Math.max(ADMITTING_MS, healMs - ADMITTING_MS);
      checkLedger();
      checkCredits();
      checkOpen(settlingMs);
      checkReservations(world, { validators: honest, gateways, wellMs: world.time.wallMs() - healMs });
    },
  };
}

interface SettledRun {
  readonly machine: Machine;
  readonly store: Store;
  readonly entries: readonly VerdictEntry[];
}

/** The run of a log that a batch settled, on a machine that has it to the batch's head. */
function readLog(
  machine: Machine,
  { from, logLength, logHead }: { readonly from: bigint; readonly logLength: bigint; readonly logHead: Uint8Array },
): readonly SettledRun[] {
  const store = machine.disk.find('validator');
  if (store === undefined) return [];
  const entries = listEntries(store, from, Number(logLength - from)).map(({ entry }) => entry);
  const last = entries.at(-1);
  if (last === undefined || !equalBytes(computeEntryHash(crypto, last), logHead)) return [];
  return [{ machine, store, entries: entries.map(parseVerdictEntry) }];
}

/** Proofs of a run of a log, with those before it. */
function noteProofs(
  before: ReadonlyMap<string, number>,
  entries: readonly VerdictEntry[],
): ReadonlyMap<string, number> {
  const found = entries.filter(({ verdict, evidence }) => verdict === 'reject' && evidence === 'exact');
  return new Map([
    ...before,
    ...found.map((entry) => [toHex(findAccountable(entry).providerId), entry.timeMs] as const),
  ]);
}

/**
 * Whether a provider is owed nothing for an entry because it was proven to cheat. This covers replies before the proof in the same
 * batch and replies of the day after it (docs/spec/verdict-log.md).
 */
function isVoid(
  proven: ReadonlyMap<string, number>,
  { providerId, timeMs }: Pick<VerdictEntry, 'providerId' | 'timeMs'>,
): boolean {
  const provenMs = proven.get(toHex(providerId));
  return provenMs !== undefined && timeMs <= provenMs + OPENING_KEPT_MS;
}
