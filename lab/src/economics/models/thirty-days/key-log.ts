import {
  type CountedEntry,
  countEntry,
  INITIAL_TESTS,
  type SubjectTests,
  type TestStates,
} from '@ogong/protocol/settlement/log-tests';
import { DECIDING_STEP, type PlayedAudit } from './play-audit.ts';
import type { BalanceRules } from './strategy.ts';

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
}

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
export function createKeyLog({ providerId, payee }: Key, { covers, advance }: BalanceRules) {
  const tests = new Map<Uint8Array, SubjectTests>();
  const states: TestStates = {
    find: (subject) => tests.get(subject) ?? INITIAL_TESTS,
    put: (subject, one) => void tests.set(subject, one),
  };
  const cohorts = Array.from({ length: DECIDING_STEP }, () => new Int32Array(REPLY_COLUMNS.length));
  const due = new Map<number, DueEntry[]>();
  const pendingAt = new Int32Array(RING);
  let pending = 0;
  const balanceOf = () => states.find(providerId).balance;
  return {
    balance: balanceOf,
    covers: (verdict: CountedEntry['verdict']): boolean => covers(balanceOf(), verdict),
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
    /** Appends an entry. @returns whether it ejects the key. */
    append(outcome: PlayedAudit, epoch: number, bill: { readonly paidAtomic: bigint; readonly fees: number }): boolean {
      const { verdict, evidence, step, eValuePpm } = outcome;
      const before = balanceOf();
      const entry: CountedEntry = {
        ...{ providerId, payee, verdict, evidence, step, eValuePpm, feeAtomic: bill.paidAtomic, verifiers: [] },
        ...{ beaconEpoch: BigInt(epoch), timeMs: 60_000 * epoch },
      };
      const ejects = countEntry(states, entry);
      states.put(providerId, { ...states.find(providerId), balance: advance(before, entry, bill.fees) });
      return ejects;
    },
  };
}

export type KeyLog = ReturnType<typeof createKeyLog>;
