import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Store } from '@ogong/host/store/store';
import { listEntries } from '@ogong/node/validator/store/batch-store';
import { computeSittingEpoch, MAX_SITTINGS } from '@ogong/protocol/audit/sitting';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import {
  isBillable,
  listVerifierIds,
  parseVerdictEntry,
  type VerdictEntry,
} from '@ogong/protocol/settlement/verdict-log';
import { parseReceipt, parseReceiptText } from '@ogong/protocol/stage1/receipt';
import type { Settled } from '../chain/ledger.ts';
import type { Honesty } from '../lies/plant-lies.ts';
import { listValidator } from '../roles/validator.ts';
import type { Machine } from '../world/process.ts';
import type { World } from '../world/world.ts';

/** An order without a record is open until it expires, and a little longer. */
const ABANDONED_AFTER_MS = 90_000;
const OPEN_REPLIES = `SELECT state, provider_id, beacon_epoch FROM replies
  WHERE state NOT IN ('settled', 'admitted') OR (state = 'admitted' AND expires_at < ?) ORDER BY state`;
/** The last sitting itself, with what silent verifiers may postpone it by, and the batch after it. */
const LAST_SITTING_MS = 90_000;

export interface MoneyWatch {
  check(): void;
  finish(): void;
  readonly verdicts: ReadonlyMap<string, number>;
  settled(): number;
  /** From taking a reply in to its settlement, ms. */
  readonly waits: readonly number[];
  /** Replies of another model, by their verdict at honest validators. */
  readonly forged: Readonly<Record<string, number>>;
}

export interface MoneyContext {
  readonly honesty: Honesty;
  /** Ids of replies that an honest gateway's client was answered with. */
  readonly answered: ReadonlySet<string>;
  /** No faults: who abandons a reply has no excuse. */
  readonly isCalm: boolean;
  /** What an honest gateway was shown keeps its record. */
  readonly gateways: readonly Machine[];
  readonly epochMs: number;
}

const withoutPrefix = (name: string): string => name.replace(/^0x/, '');

/** Money is neither made nor lost, nothing is paid twice, nobody honest is ejected or slashed, and what was taken in settles. */
export function watchMoney(
  world: World,
  honest: readonly Machine[],
  { honesty, answered, isCalm, gateways, epochMs }: MoneyContext,
): MoneyWatch {
  const byAddress = new Map<string, Machine>();
  for (const machine of honest) {
    const { address } = listValidator(world.seed, Number(machine.name.split('-').at(-1)));
    byAddress.set(toHex(address), machine);
  }
  const paid = new Set<string>();
  const lengths = new Map<string, bigint>();
  const verdicts = new Map<string, number>();
  const waits: number[] = [];
  const forged: Record<string, number> = {};
  let seen = 0;

  /** A verifier announces itself through its provider. So of a provider that alone is left, nobody may judge a reply. */
  function hasJudges(provider: string): boolean {
    const ejected = new Set([...world.ledger.ejected.keys()].map(withoutPrefix));
    return [...honesty.providers].some((other) => other !== provider && !ejected.has(other));
  }

  /** Whether a reply that nobody may judge still has sittings before it: then it ends unjudged (docs/spec/audit-selection.md). */
  function mayWait(store: Store, { state, provider_id, beacon_epoch }: Record<string, unknown>): boolean {
    if (state !== 'waiting' && state !== 'auditing') return false;
    if (hasJudges(toHex(provider_id as Uint8Array))) return false;
    const latest = store.prepare('SELECT max(epoch) AS epoch FROM beacon_values').get()?.epoch as number;
    const last = computeSittingEpoch(BigInt(beacon_epoch as number), MAX_SITTINGS - 1);
    return latest <= Number(last) + Math.ceil(LAST_SITTING_MS / epochMs);
  }

  /** When the log of a validator had the last exact proof against a provider, by validator and provider. */
  const proven = new Map<string, ReadonlyMap<string, number>>();

  /** What was read of each batch, to take it back where the chain takes the batch back. */
  const read: { readonly batch: Settled; readonly takeBack: () => void }[] = [];

  function readBatch(index: number): void {
    const batch = world.ledger.settled[index] as Settled;
    const { call } = batch;
    const { there, minted } = world.ledger.audit();
    if (there !== minted) world.violate('money-is-conserved', `${minted} were made, ${there} are there`);
    for (const id of world.ledger.ejected.keys()) {
      if (honesty.honestProviders.has(withoutPrefix(id))) world.violate('nobody-honest-is-ejected', id);
    }
    for (const payee of world.ledger.refuted.keys()) {
      if (honesty.honestPayees.has(withoutPrefix(payee))) world.violate('nobody-honest-is-slashed', payee);
    }
    const name = toHex(call.batch.validator as Uint8Array);
    const machine = byAddress.get(name);
    const store = machine?.disk.find('validator');
    if (machine === undefined || store === undefined) return;
    const from = lengths.get(name) ?? 0n;
    lengths.set(name, call.batch.logLength);
    const ids: string[] = [];
    const provenBefore = proven.get(name) ?? new Map<string, number>();
    read.push({
      batch,
      takeBack() {
        lengths.set(name, from);
        proven.set(name, provenBefore);
        for (const id of ids) paid.delete(id);
      },
    });
    const owed = new Map<string, bigint>();
    const entries = listEntries(store, from, Number(call.batch.logLength - from)).map(({ entry }) =>
      parseVerdictEntry(entry),
    );
    const provenNow = noteProofs(provenBefore, entries);
    proven.set(name, provenNow);
    for (const verdictEntry of entries) {
      const { replyId, verdict, payer, feeAtomic, fineAtomic, providerId, recordHash } = verdictEntry;
      const id = toHex(replyId);
      if (paid.has(id)) world.violate('nothing-is-paid-twice', `${id} by ${machine.name}`);
      paid.add(id);
      ids.push(id);
      if (feeAtomic > 0n && !isVoid(provenNow, verdictEntry))
        owed.set(toHex(payer), (owed.get(toHex(payer)) ?? 0n) + feeAtomic);
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
      const row = store.prepare('SELECT admitted_at FROM replies WHERE reply_id = ?').get(replyId);
      if (row) waits.push(world.time.wallMs() - (row.admitted_at as number));
      const provider = toHex(providerId);
      if (honesty.forgers.has(provider)) forged[verdict] = (forged[verdict] ?? 0) + 1;
      const said = listVerifierIds(verdictEntry, 'credited').map((one) => toHex(one));
      const isHonestlySaid = said.length > 0 && said.every((one) => honesty.honestVerifiers.has(one));
      if (honesty.forgers.has(provider) && verdict === 'accept' && isHonestlySaid) {
        world.violate('no-forgery-is-accepted', `${id} by ${machine.name}`);
      }
      // Where messages are lost, a reply may be judged before its payer's word arrives.
      const held = isCalm && isBillable(verdict) ? findRecord(gateways, id) : undefined;
      if (held !== undefined && !equalBytes(hashRecord(crypto, held), recordHash)) {
        world.violate('the-judged-record-is-the-gateways', `${id} by ${machine.name}`);
      }
      if (!honesty.honestProviders.has(provider)) continue;
      if (verdict === 'reject') world.violate('nobody-honest-is-rejected', `${id} by ${machine.name}`);
      if (verdict === 'unjudged' && hasJudges(provider))
        world.violate('honest-work-is-judged', `${id} by ${machine.name}`);
      if (fineAtomic > 0n && isCalm) world.violate('nobody-honest-is-fined', `${id} by ${machine.name}`);
      if (verdict === 'abandoned' && answered.has(id)) {
        world.violate('delivered-work-is-paid', `${id} counts as abandoned at ${machine.name}`);
      }
    }
    const before = read.findLast(
      ({ batch: one }) => one !== batch && toHex(one.call.batch.validator as Uint8Array) === name,
    );
    assertDrawn(batch, owed, before?.batch.atMs ?? 0);
  }

  /**
   * From each payer what it owes, or nothing. Nothing only where, since the batch before, its channel held less than that because a
   * reorganisation had taken an admission to it back: nobody can draw what is not there, and a batch that tried would be refused whole.
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

  return {
    verdicts,
    waits,
    forged,
    settled: () => paid.size,
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
      for (const machine of honest) {
        const store = machine.disk.find('validator');
        const rows = store?.prepare(OPEN_REPLIES).all(world.time.wallMs() - ABANDONED_AFTER_MS) ?? [];
        const counts = new Map<unknown, number>();
        for (const row of rows) {
          if (store === undefined || mayWait(store, row)) continue;
          counts.set(row.state, (counts.get(row.state) ?? 0) + 1);
        }
        const text = [...counts].map(([state, n]) => `${n} ${state}`).join(', ');
        if (text !== '') world.violate('what-was-taken-in-settles', `${machine.name} has ${text}`);
      }
    },
  };
}

/** Proofs of a run of a log, with those before it. */
function noteProofs(
  before: ReadonlyMap<string, number>,
  entries: readonly VerdictEntry[],
): ReadonlyMap<string, number> {
  const found = entries.filter(({ verdict, evidence }) => verdict === 'reject' && evidence === 'exact');
  return new Map([...before, ...found.map(({ providerId, timeMs }) => [toHex(providerId), timeMs] as const)]);
}

/** Whoever is proven to cheat is owed nothing more: for no reply before the proof in the same batch, and for none within a day after it (docs/spec/verdict-log.md). */
function isVoid(
  proven: ReadonlyMap<string, number>,
  { providerId, timeMs }: Pick<VerdictEntry, 'providerId' | 'timeMs'>,
): boolean {
  const provenMs = proven.get(toHex(providerId));
  return provenMs !== undefined && timeMs <= provenMs + OPENING_KEPT_MS;
}

/** The record that one of these gateways had with a reply. */
function findRecord(gateways: readonly Machine[], replyId: string): Uint8Array | undefined {
  for (const { disk } of gateways) {
    const row = disk.find('gateway')?.prepare('SELECT receipt FROM receipts WHERE reply_id = ?').get(replyId);
    if (row) return parseReceipt(parseReceiptText(row.receipt as Uint8Array)).record.bytes;
  }
  return undefined;
}
