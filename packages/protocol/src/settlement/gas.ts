import { toHex } from '../base/bytes.ts';
import { findAccountable } from './cohort.ts';
import { countBalance, createOverlay, INITIAL_TESTS, type TestStates } from './log-tests.ts';
import { isBillable, isPayable, type VerdictEntry } from './verdict-log.ts';

/**
 * The most gas of one batch, without its validators' signatures. A transaction may take 16,777,216 (EIP-7825). The rest is for
 * 280 signatures, and for contracts that may cost more later. A larger quorum is summed (docs/adr/signing.md).
 */
export const MAX_SETTLEMENT_GAS = 10_000_000;

/** The most log entries of one batch, and the most parties in each of its lists. */
export const MAX_BATCH_ENTRIES = 1_000;

/**
 * The worst case of each part, in gas. It was measured with the contracts on anvil and rounded up by a tenth or more
 * (`settlement-gas.process.test.ts` compares real batches with it).
 */
const GAS = {
  /** The transaction, the anchor, six new credits of the network, the recycled amount, and the pot of the signers. */
  batch: 470_000,
  /** A voucher: calldata, recovery of its signer, the limit of a key that signs for another account, one channel. */
  debit: 24_000,
  /** A line: calldata, hash, split, event, and the credit of a known router and the earnings of a known provider. */
  line: 16_500,
  /** The first earnings of a key for this payee: two new slots. A batch does not show whether they are new. */
  earner: 45_000,
  /** The first credit of a router: a new slot. */
  router: 22_500,
  /** A line that names its model: the registry's entry, and an event. */
  named: 12_000,
  /** A model's maker: its name in cold storage, a credit in a new slot. */
  maker: 33_000,
  ejection: 27_000,
  /** A payee of verifiers: calldata, hash, event, a credit in a new slot. */
  tally: 31_000,
  /** A tally with refuted reports: the stake, what its period cost, a transfer. */
  penalty: 75_000,
  /**
   * A signature of the quorum without a roster: calldata, recovery of its signer, the account of the key, and its votes. With a
   * roster it takes some 7,000.
   */
  signature: 24_000,
} as const;

interface PartyCounts {
  readonly debits: number;
  readonly lines: number;
  /** Number of different pairs of provider and payee. */
  readonly earners: number;
  readonly routers: number;
  /** Number of lines that name their model. */
  readonly named: number;
  /** Number of different models. */
  readonly models: number;
  readonly ejections: number;
  readonly tallies: number;
  /** Number of tallies with refuted reports. */
  readonly penalties: number;
}

function computeGas(
  { debits, lines, earners, routers, named, models, ejections, tallies, penalties }: PartyCounts,
  signatures: number,
): number {
  return (
    GAS.batch +
    GAS.debit * debits +
    GAS.line * lines +
    GAS.earner * earners +
    GAS.router * routers +
    GAS.named * named +
    GAS.maker * models +
    GAS.ejection * ejections +
    GAS.tally * tallies +
    GAS.penalty * penalties +
    GAS.signature * signatures
  );
}

/**
 * Computes the most gas of a batch with these lists. @param signatures of the quorum. Default: none, as MAX_SETTLEMENT_GAS
 * counts.
 */
export function computeSettlementGas(
  lists: {
    readonly debits: readonly unknown[];
    readonly lines: readonly (Pick<VerdictEntry, 'providerId' | 'payee' | 'router'> & {
      readonly modelRoot?: Uint8Array;
    })[];
    readonly ejections: readonly unknown[];
    readonly tallies: readonly { readonly refuted: number }[];
  },
  signatures = 0,
): number {
  const { debits, lines, ejections, tallies } = lists;
  const earners = new Set(lines.map(({ providerId, payee }) => toHex(providerId) + toHex(payee))).size;
  const routers = new Set(lines.map(({ router }) => toHex(router))).size;
  const roots = lines.flatMap(({ modelRoot }) => (modelRoot?.some((byte) => byte !== 0) ? [toHex(modelRoot)] : []));
  return computeGas(
    {
      ...{ named: roots.length, models: new Set(roots).size },
      ...{ debits: debits.length, lines: lines.length, earners, routers },
      ...{ ejections: ejections.length, tallies: tallies.length },
      penalties: tallies.filter(({ refuted }) => refuted > 0).length,
    },
    signatures,
  );
}

export interface GasMeter {
  /**
   * Adds an entry.
   * @param modelRoot of its model, if makers have a share.
   * @returns the most gas of a batch of all entries so far, for any set of collectable payers.
   */
  add(
    entry: Pick<
      VerdictEntry,
      | 'verdict'
      | 'feeAtomic'
      | 'fineAtomic'
      | 'payer'
      | 'payee'
      | 'router'
      | 'ejects'
      | 'providerId'
      | 'verifiers'
      | 'shards'
      | 'culprit'
    >,
    modelRoot?: Uint8Array,
  ): number;
}

/** Measures a growing batch. @param findTests tests of the log before it. Default: the log begins here. */
export function createGasMeter(findTests: TestStates['find'] = () => INITIAL_TESTS): GasMeter {
  const tests = createOverlay({ find: findTests });
  const debits = new Set<string>();
  const lines = new Set<string>();
  const earners = new Set<string>();
  const routers = new Set<string>();
  const named = new Set<string>();
  const models = new Set<string>();
  const ejections = new Set<string>();
  const tallies = new Set<string>();
  const penalties = new Set<string>();
  return {
    add(entry, modelRoot) {
      const { verdict, feeAtomic, payer, router, ejects, verifiers } = entry;
      const parts = countBalance(tests, entry);
      if (isBillable(verdict) && feeAtomic > 0n) {
        debits.add(toHex(payer));
        for (const { providerId, payee } of parts) {
          const earner = toHex(providerId) + toHex(payee);
          const line = earner + toHex(router) + (modelRoot ? toHex(modelRoot) : '');
          lines.add(line);
          if (modelRoot) named.add(line);
          earners.add(earner);
        }
        routers.add(toHex(router));
        if (modelRoot) models.add(toHex(modelRoot));
      }
      if (ejects) ejections.add(toHex(findAccountable(entry).providerId));
      for (const verifier of verifiers) {
        if (!isPayable(verifier.payee) || verifier.outcome === 'doubted') continue;
        tallies.add(toHex(verifier.payee));
        if (verifier.outcome !== 'credited') penalties.add(toHex(verifier.payee));
      }
      const counts = { debits: debits.size, lines: lines.size, earners: earners.size, routers: routers.size };
      const marks = { ejections: ejections.size, tallies: tallies.size, penalties: penalties.size };
      return computeGas({ ...counts, ...marks, named: named.size, models: models.size }, 0);
    },
  };
}
