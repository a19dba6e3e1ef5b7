import type { LinkServer } from '@ogong/host/link/link-server';
import type { Store } from '@ogong/host/store/store';
import type { ChainView } from '@ogong/host/views/chain-view';
import type { BeaconArchive } from './beacon/beacon-archive.ts';
import type { Intake } from './intake/intake.ts';
import type { OpeningGrants } from './intake/opening-grants.ts';
import type { MachinesState } from './machines/machine-state.ts';
import type { ValidatorMetrics } from './metrics.ts';
import type { PricingState } from './prices/price-state.ts';
import type { CosignState } from './settlement/cosign/cosign-state.ts';
import type { AllottingState } from './settlement/step-allotment.ts';
import type { TallyStore } from './settlement/tally-store.ts';
import type { VerdictContext } from './store/verdict-store.ts';
import type { WiredBeacon } from './wire-beacon.ts';
import type { WitnessState } from './witness/answer-witness.ts';

export interface RouteDependencies {
  readonly intake: Intake;
  /** True if this validator admits no orders. */
  readonly isDraining?: boolean;
  readonly archive: BeaconArchive;
  readonly wanted: Set<bigint>;
  readonly beacon: Pick<WiredBeacon, 'receive'>;
  readonly cosigning: CosignState;
  readonly store: Store;
  readonly verdicts: VerdictContext;
  readonly chain: Pick<ChainView, 'findByCertHash' | 'recallByCertHash'>;
  readonly grants: OpeningGrants;
  /**
   * Charges several calls to a caller's rate limit, see LinkServer. @returns false if the caller has no room left.
   * Default: no limit.
   */
  readonly charge?: LinkServer['charge'];
  /** Receives the further refusals of one call beside the one that it answers, see LinkServer. Default: not counted. */
  readonly blame?: LinkServer['blame'];
  readonly witness: WitnessState;
  /** Undefined on a network without emission. */
  readonly allotting?: AllottingState | undefined;
  readonly tallyStore?: TallyStore | undefined;
  /** Undefined if this validator is no price feed. */
  readonly pricing?: PricingState | undefined;
  /** Returns evidence of this validator's own machine for a nonce. Undefined if it has none. */
  readonly show?: ((nonce: Uint8Array) => Promise<{ nodeId: Uint8Array; evidence: Uint8Array }>) | undefined;
  /** Undefined on a network without a registry of machines. */
  readonly machines?: MachinesState | undefined;
  readonly metrics: Pick<
    ValidatorMetrics,
    'steps' | 'witnessed' | 'admitted' | 'records' | 'deliveries' | 'complaints' | 'cosigned' | 'uncompared'
  >;
}

export const KIB = 1024;

export const MIB = 1024 * KIB;

/** The longest opening, and the reports of four verifiers about it. */
export const MAX_EVIDENCE_BYTES = 256 * MIB;
