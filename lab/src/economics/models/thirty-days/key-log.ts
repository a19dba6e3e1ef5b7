import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { type AuditDraw, isSelected } from '@ogong/protocol/audit/audit';
import { CHARGED_PPM, paysDebt } from '@ogong/protocol/settlement/audit-balance';
import {
  type CountedEntry,
  countEntry,
  INITIAL_TESTS,
  type SubjectTests,
  type TestStates,
} from '@ogong/protocol/settlement/log-tests';
import { type ChargeableAudit, computeCharge } from '@ogong/protocol/verdict/audit-charge';
import { DECIDING_STEP, type PlayedAudit } from './play-audit.ts';
import { toFees } from './prices.ts';
import type { BalanceRules, KeptBalance } from './strategy.ts';

/** Columns of a cohort, the replies of one minute. All but `honest` ones are forged. */
export const REPLY_COLUMNS = ['honest', 'forged', 'sealed', 'odd'] as const;
export type ReplyColumn = (typeof REPLY_COLUMNS)[number];

export interface Key {
  readonly providerId: Uint8Array;
  readonly payee: Uint8Array;
}

/** An audited reply whose entry is due. */
export interface DueEntry {
  readonly served: ReplyColumn;
  readonly outcome: PlayedAudit;
  /** Whether the beacon selects the reply at the base coverage too. */
  readonly isSampled: boolean;
}

/** The entry of a reply: whether it ejects, and whether its fee is paid or burnt. */
export interface AppendedEntry {
  readonly ejects: boolean;
  readonly isPaid: boolean;
  readonly isBurnt: boolean;
}

const ORDER_EPOCH = 0n;

/** A draw that the base coverage selects, or one that it does not select. */
function findExample(isSampled: boolean): AuditDraw {
  for (let number = 0; ; number++) {
    const replyId = new Uint8Array(16).fill(number);
    const draw = { replyId, orderEpoch: ORDER_EPOCH, beaconEpoch: BigInt(DECIDING_STEP), beacon: new Uint8Array(32) };
    if (isSelected(crypto, draw, CHARGED_PPM) === isSampled) return draw;
  }
}
const EXAMPLES = { sampled: findExample(true), other: findExample(false) };

const NONE: readonly DueEntry[] = [];
/** Longer than any audit takes, epochs. */
const RING = 128;

/** Returns whether an entry makes its key owe audits. */
export const isWithoutResult = ({ verdict, step }: Pick<PlayedAudit, 'verdict' | 'step'>): boolean =>
  step === 'late' || verdict === 'unjudged';

/**
 * The log of one validator about one key. The tests are those of the protocol. Replies that no audit selected move no test, so a
 * number for each minute stands for them.
 */
export function createKeyLog({ providerId, payee }: Key, { covers, charges, owes }: BalanceRules) {
  const tests = new Map<Uint8Array, SubjectTests>();
  const states: TestStates = {
    find: (subject) => tests.get(subject) ?? INITIAL_TESTS,
    put: (subject, one) => void tests.set(subject, one),
  };
  const cohorts = Array.from({ length: DECIDING_STEP }, () => new Int32Array(REPLY_COLUMNS.length));
  const due = new Map<number, DueEntry[]>();
  const pendingAt = new Int32Array(RING);
  let pending = 0;
  let owedAudits = 0;
  const balanceOf = (): KeptBalance => ({ ...states.find(providerId).balance, owedAudits });
  return {
    owesAudits: () => owedAudits > 0,
    /** In usual fees. */
    debt: () => toFees(balanceOf().debtAtomic),
    isFree: () => owedAudits === 0 && balanceOf().debtAtomic === 0n,
    /** Pays unaudited replies with the same fee. @returns how many of them earn it; others pay a debt, or are unpaid. */
    payUnaudited(feeAtomic: bigint, count: number): number {
      const balance = balanceOf();
      if (!covers(balance, 'unaudited')) return 0;
      const { debtAtomic } = balance;
      const paying = Number((debtAtomic + feeAtomic - 1n) / feeAtomic);
      const burnt = Math.min(count, paying);
      const left = debtAtomic - feeAtomic * BigInt(burnt);
      const { credit } = balance;
      if (burnt > 0)
        states.put(providerId, { ...states.find(providerId), balance: { credit, debtAtomic: left > 0n ? left : 0n } });
      return count - burnt;
    },
    /** The replies of the minute that the beacon of this epoch decides about. The caller may overwrite them afterwards. */
    cohortAt: (epoch: number): Int32Array => cohorts[epoch % DECIDING_STEP] as Int32Array,
    schedule(epoch: number, entry: DueEntry): void {
      const dueAt = epoch + entry.outcome.delay;
      const at = dueAt % RING;
      const entries = due.get(dueAt);
      if (entries === undefined) due.set(dueAt, [entry]);
      else entries.push(entry);
      if (!isWithoutResult(entry.outcome)) return;
      pendingAt[at] = (pendingAt[at] as number) + 1;
      pending++;
    },
    /** Epochs until the next audit without a result reaches the log; undefined if none is on its way. */
    untilResult(epoch: number): number | undefined {
      if (pending === 0) return undefined;
      for (let ahead = 0; ahead < RING; ahead++) if ((pendingAt[(epoch + ahead) % RING] as number) > 0) return ahead;
      return undefined;
    },
    takeDue(epoch: number): readonly DueEntry[] {
      const at = epoch % RING;
      const entries = due.get(epoch);
      if (entries === undefined) return NONE;
      due.delete(epoch);
      pending -= pendingAt[at] as number;
      pendingAt[at] = 0;
      return entries;
    },
    /** Appends an entry. @param billedAtomic the fee of its reply, whether it is paid or not. */
    append(
      { outcome, isSampled }: Pick<DueEntry, 'outcome' | 'isSampled'>,
      epoch: number,
      billedAtomic: bigint,
    ): AppendedEntry {
      const { verdict, evidence, step, eValuePpm } = outcome;
      const before = balanceOf();
      const isPaid = (verdict === 'accept' || verdict === 'inconclusive') && covers(before, verdict);
      const audit = { judgement: { verdict, evidence } as const, draw: isSampled ? EXAMPLES.sampled : EXAMPLES.other };
      const fineAtomic = isPaid
        ? 0n
        : charges(computeCharge(crypto, { ...audit, feeAtomic: billedAtomic } as ChargeableAudit, before));
      const feeAtomic = isPaid ? billedAtomic : 0n;
      const entry: CountedEntry = {
        ...{ providerId, payee, verdict, evidence, step, eValuePpm, feeAtomic, fineAtomic, verifiers: [] },
        ...{ beaconEpoch: BigInt(epoch), timeMs: 60_000 * epoch },
      };
      const ejects = countEntry(states, entry);
      owedAudits = owes(owedAudits, entry);
      return { ejects, isPaid, isBurnt: paysDebt(before, entry) };
    },
  };
}

export type KeyLog = ReturnType<typeof createKeyLog>;
