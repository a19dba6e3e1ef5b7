import { setTimeout as delay } from 'node:timers/promises';
import type { ChainClient } from '@ogong/chain/client';
import type { LinkPool } from '@ogong/host/link/link-pool';
import type { Store } from '@ogong/host/store/store';
import type { ChainView } from '@ogong/host/views/chain-view';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { findAccountable, listParts } from '@ogong/protocol/settlement/cohort';
import {
  computeGenesisPosition,
  type LogPosition,
  type VerdictEntry,
  verifyChain,
} from '@ogong/protocol/settlement/verdict-log';
import { addCounts, advanceLog, type HistoryChange, loadLogPosition, NO_COUNTS } from './router-store.ts';

export interface ReputationReaderDependencies {
  readonly crypto: Crypto;
  readonly store: Store;
  readonly chain: {
    readonly network: ChainView['network'];
    validators(): readonly QuorumMember[];
    client(): Promise<Pick<ChainClient, 'anchorOf'>>;
  };
  readonly links: Pick<LinkPool, 'to'>;
  /** Number of the period of a time. */
  readonly periodOf: (timeMs: number) => number;
  readonly onError?: (validator: QuorumMember, error: unknown) => void;
}

const PAGE_ENTRIES = 1000;
const PAGE_TIMEOUT_MS = 10_000;
/** Pages that one reading asks for. A validator answers two a second. */
const PAGES_AT_ONCE = 30;
const PAGE_PAUSE_MS = 600;

/**
 * Counts the entries of the validators' logs about each provider, as far as a quorum has settled them on the chain. The server of
 * the entries is not trusted: entries count only if they end at the settled head.
 */
export function createReputationReader(dependencies: ReputationReaderDependencies): { read(): Promise<void> } {
  const { crypto, store, chain, links, periodOf, onError = () => {} } = dependencies;

  async function readLog(validator: QuorumMember): Promise<void> {
    const anchor = await (await chain.client()).anchorOf(validator.address);
    const expected = { length: anchor.logLength, head: fromHex(anchor.logHead.slice(2), 32) };
    let position: LogPosition =
      loadLogPosition(store, validator.address) ??
      computeGenesisPosition(crypto, { ...chain.network, validator: validator.address });
    if (position.length >= expected.length) return;
    const tally = createTally(periodOf);
    let pages = 0;
    while (position.length < expected.length) {
      const missing = expected.length - position.length;
      const limit = missing < BigInt(PAGE_ENTRIES) ? Number(missing) : PAGE_ENTRIES;
      const page = await links
        .to(ValidatorService, validator)
        .listVerdicts({ from: position.length, limit }, { timeoutMs: PAGE_TIMEOUT_MS });
      const entries = page.entries.slice(0, limit);
      if (entries.length === 0) throw new Error(`the log ends at ${position.length}, settled are ${expected.length}`);
      const isLast = entries.length === Number(missing);
      const verdict = verifyChain(crypto, {
        from: position,
        entries,

        ...(isLast ? { expected } : {}),
      });
      const failed = verdict.checks.find(({ status }) => status === 'fail');
      if (failed) throw new Error(`the log does not lead to its settled head: ${failed.detail}`);
      for (const entry of verdict.entries) tally.add(entry);
      position = verdict.position;
      if (!isLast && ++pages >= PAGES_AT_ONCE) await delay(PAGE_PAUSE_MS);
    }
    advanceLog(store, validator.address, { position, changes: tally.changes() });
  }

  return {
    async read() {
      await Promise.all(
        chain.validators().map((validator) => readLog(validator).catch((error: unknown) => onError(validator, error))),
      );
    },
  };
}

/** Sums the entries by provider and period. */
function createTally(periodOf: (timeMs: number) => number) {
  const changes = new Map<string, HistoryChange>();
  return {
    add(entry: VerdictEntry): void {
      const { verdict, timeMs } = entry;
      const period = periodOf(timeMs);
      const isFailure = verdict === 'reject' || verdict === 'abandoned';
      const parts = isFailure ? [{ ...findAccountable(entry), feeAtomic: 0n }] : listParts(entry);
      for (const { providerId, feeAtomic } of parts) {
        if (!isFailure && feeAtomic === 0n) continue;
        const name = `${toHex(providerId)} ${period}`;
        const one = {
          ...{ failures: isFailure ? 1 : 0, paidAtomic: feeAtomic, paidSquares: feeAtomic * feeAtomic },
          auditedAtomic: verdict === 'accept' ? feeAtomic : 0n,
        };
        const counts = addCounts(changes.get(name)?.counts ?? NO_COUNTS, one);
        changes.set(name, { providerId, period, counts });
      }
    },
    changes: (): readonly HistoryChange[] => [...changes.values()],
  };
}
