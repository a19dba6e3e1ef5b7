import { setImmediate as nextTurn } from 'node:timers/promises';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { AuditBalance } from '@ogong/protocol/settlement/audit-balance';
import type { FindTests } from '@ogong/protocol/settlement/batch';
import { countEntry, createOverlay, INITIAL_TESTS } from '@ogong/protocol/settlement/log-tests';
import {
  computeGenesisPosition,
  type LogPosition,
  type VerdictEntry,
  verifyChain,
} from '@ogong/protocol/settlement/verdict-log';
import { forgetSecondDelivery } from '../../store/replies/second-delivery-store.ts';
import { createTestStates, readCountedPosition, writeCountedPosition } from '../../store/sequential-store.ts';
import { recordMarks } from '../../store/verifier-store.ts';
import { CosignError } from './cosign-error.ts';
import type { CosignState } from './cosign-state.ts';

type CountState = Pick<CosignState, 'crypto' | 'clock' | 'domain' | 'store' | 'group' | 'listEntries' | 'counting'>;

export interface LogCounts {
  /** Indexes of the entries that eject their provider, or their culprit. */
  readonly ejecting: ReadonlySet<bigint>;
  /** Audit balance of each entry's key before the entry, by the entry's index. */
  readonly balances: ReadonlyMap<bigint, AuditBalance>;
  /** Returns the tests of providers and verifiers' payees before the batch. */
  readonly findTests: FindTests;
}

/**
 * Applies the tests of a log to a batch: first to the settled log, then to the batch.
 * @param start start of the batch on the chain.
 * @throws CosignError 'unavailable' if the validator does not show its settled log.
 */
export async function readCounts(
  state: CountState,
  validator: Uint8Array,
  start: LogPosition,
  entries: readonly VerdictEntry[],
): Promise<LogCounts> {
  await countSettled(state, validator, start);
  const { store } = state;
  return store.read(() => {
    // Another call may have counted further, after a batch that settled meanwhile.
    assertAt(readPosition(state, validator), start);
    const tests = createOverlay(createTestStates(store, validator));
    const subjects = entries.flatMap(({ providerId, shards, verifiers }) => [
      providerId,
      ...shards.map((shard) => shard.providerId),
      ...verifiers.map(({ payee }) => payee),
    ]);
    const before = new Map(subjects.map((subject) => [toHex(subject), tests.find(subject)]));
    const balances = new Map<bigint, AuditBalance>();
    const ejecting = new Set<bigint>();
    for (const entry of entries) {
      balances.set(entry.index, tests.find(entry.providerId).balance);
      if (countEntry(tests, entry)) ejecting.add(entry.index);
    }
    return {
      ...{ ejecting, balances },
      findTests: (subject) => before.get(toHex(subject)) ?? INITIAL_TESTS,
    };
  });
}

/** Describes why an entry is refused whose ejection differs from the tests of its log. */
export function describeEjection({ index, ejects }: Pick<VerdictEntry, 'index' | 'ejects'>): string {
  return ejects
    ? `entry ${index}: the tests of this log do not eject its provider yet`
    : `entry ${index}: the tests of this log eject its provider`;
}

/**
 * Counts the newly settled part of a log. One count of a log runs at a time: each begins at the end of the one before.
 */
async function countSettled(state: CountState, validator: Uint8Array, end: LogPosition): Promise<void> {
  const { counting } = state;
  const name = toHex(validator);
  const before = counting.get(name) ?? Promise.resolve();
  const mine = before.catch(() => {}).then(() => countUpTo(state, validator, end));
  counting.set(name, mine);
  try {
    await mine;
  } finally {
    if (counting.get(name) === mine) counting.delete(name);
  }
}

/**
 * Counts entries up to a position. They come from the log's own validator. No count is stored before they have led to
 * the head that the chain has settled, so only that log counts.
 */
async function countUpTo(state: CountState, validator: Uint8Array, end: LogPosition): Promise<void> {
  const { crypto, clock, store, group, listEntries } = state;
  let position = store.read(() => readPosition(state, validator));
  if (position.length >= end.length) return;
  const tests = createOverlay(createTestStates(store, validator));
  const marked: VerdictEntry[] = [];
  const settled: Uint8Array[] = [];
  while (position.length < end.length) {
    const page = await listEntries(validator, position.length).catch((cause: unknown) => {
      throw new CosignError('unavailable', 'the validator does not show its settled log', { cause });
    });
    const wanted = page.slice(0, Number(end.length - position.length));
    const { ok, entries, position: next } = verifyChain(crypto, { from: position, entries: wanted });
    if (!ok || entries.length === 0) throw new CosignError('unavailable', OTHER_LOG);
    store.read(() => entries.forEach((entry) => void countEntry(tests, entry)));
    marked.push(...entries.filter(({ verifiers }) => verifiers.length > 0));
    settled.push(...entries.map(({ replyId }) => replyId));
    position = next;
    await nextTurn();
  }
  assertAt(position, end);
  await group.write((db) => {
    tests.writeTo(createTestStates(db, validator));
    writeCountedPosition(db, validator, position);
    for (const entry of marked) recordMarks(db, entry, { nowMs: clock.nowMs(), isOwn: false });
    for (const replyId of settled) forgetSecondDelivery(db, { validator, replyId });
  });
}

const OTHER_LOG = 'the validator shows another log than the one that has settled';

function readPosition({ store, crypto, domain }: CountState, validator: Uint8Array): LogPosition {
  const { chainId, verifyingContract: settlement } = domain;
  const genesis = () => computeGenesisPosition(crypto, { chainId, settlement, validator });
  return readCountedPosition(store, validator) ?? genesis();
}

/** @throws CosignError */
function assertAt(position: LogPosition, end: LogPosition): void {
  if (position.length === end.length && equalBytes(position.head, end.head)) return;
  throw new CosignError('unavailable', OTHER_LOG);
}
