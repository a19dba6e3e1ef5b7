import { toHex } from '../base/bytes.ts';
import { isBillable, isPayable, type VerdictEntry } from './verdict-log.ts';

/**
 * An upper bound of the gas that one batch may take, without its validators' signatures. A transaction may take 16,777,216
 * (EIP-7825); the rest is for 280 signatures, and for contracts that cost more than they do today. A
 * larger quorum is summed (docs/adr/signing.md).
 */
export const MAX_SETTLEMENT_GAS = 10_000_000;

/** Log entries of one batch, and parties in each of its lists. */
export const MAX_BATCH_ENTRIES = 1_000;

/**
 * The worst case of each part, in gas, measured with the contracts on anvil and rounded up by a tenth or more
 * (`settlement-gas.process.test.ts` holds real batches against it).
 */
const GAS = {
  /** The transaction, the anchor, six credits of the network that are all new, what was recycled, and the pot of those who signed. */
  batch: 470_000,
  /** A voucher: calldata, recovery of its signer, the limit of a key that signs for another account, one channel. */
  debit: 24_000,
  /** A line: calldata, hash, split, event, the router's credit and the provider's earnings as known ones. */
  line: 16_500,
  /** The earnings of a key that never earned for this payee: two new slots. Nobody sees from a batch whether they are new. */
  earner: 45_000,
  /** A credit of a router that never had one: a new slot. */
  router: 22_500,
  /** A line that names its model: what the registry says of it, and an event. */
  named: 12_000,
  /** A model's maker: its name in cold storage, a credit in a new slot. */
  maker: 33_000,
  ejection: 27_000,
  /** A payee of verifiers: calldata, hash, event, a credit in a new slot. */
  tally: 31_000,
  /** A tally with refuted reports: the stake, what its period cost, a transfer. */
  penalty: 75_000,
  /** A signature of the quorum where no roster says whose stake counts: calldata, recovery of its signer, whom its key signs for, and the votes of that. By a roster some 7,000. */
  signature: 24_000,
} as const;

interface PartyCounts {
  readonly debits: number;
  readonly lines: number;
  /** Different pairs of provider and payee. */
  readonly earners: number;
  readonly routers: number;
  /** Lines that name their model. */
  readonly named: number;
  /** Different models. */
  readonly models: number;
  readonly ejections: number;
  readonly tallies: number;
  /** Tallies with refuted reports. */
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

/** What a batch of these lists takes at most. @param signatures of the quorum. Default: none, as MAX_SETTLEMENT_GAS counts. */
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
   * @param modelRoot of its model, where makers have a share.
   * @returns what a batch of all entries added so far takes at most, whoever of its payers can be drawn.
   */
  add(
    entry: Pick<
      VerdictEntry,
      'verdict' | 'feeAtomic' | 'payer' | 'payee' | 'router' | 'ejects' | 'providerId' | 'verifiers' | 'shards'
    >,
    modelRoot?: Uint8Array,
  ): number;
}

/** Measures a growing batch. */
export function createGasMeter(): GasMeter {
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
    add({ verdict, feeAtomic, payer, payee, router, ejects, providerId, verifiers, shards }, modelRoot) {
      if (isBillable(verdict) && feeAtomic > 0n) {
        debits.add(toHex(payer));
        for (const share of shards.length === 0 ? [{ providerId, payee }] : shards) {
          const earner = toHex(share.providerId) + toHex(share.payee);
          const line = earner + toHex(router) + (modelRoot ? toHex(modelRoot) : '');
          lines.add(line);
          if (modelRoot) named.add(line);
          earners.add(earner);
        }
        routers.add(toHex(router));
        if (modelRoot) models.add(toHex(modelRoot));
      }
      if (ejects) ejections.add(toHex(providerId));
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
