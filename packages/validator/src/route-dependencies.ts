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
import type { TallyBook } from './settlement/tally-book.ts';
import type { VerdictContext } from './store/verdict-store.ts';
import type { WiredBeacon } from './wire-beacon.ts';
import type { WitnessState } from './witness/answer-witness.ts';

export interface RouteDependencies {
  readonly intake: Intake;
  /** It admits no orders. */
  readonly isDraining?: boolean;
  readonly archive: BeaconArchive;
  readonly wanted: Set<bigint>;
  readonly beacon: Pick<WiredBeacon, 'receive'>;
  readonly cosigning: CosignState;
  readonly store: Store;
  readonly verdicts: VerdictContext;
  readonly chain: Pick<ChainView, 'findByCertHash' | 'recallByCertHash'>;
  readonly grants: OpeningGrants;
  /** Whether a caller may still tell of so many replies by one call, see LinkServer. Default: it may. */
  readonly charge?: LinkServer['charge'];
  /** Told of the refusals of one call's replies, beside the one that it is answered, see LinkServer. Default: nobody counts. */
  readonly blame?: LinkServer['blame'];
  readonly witness: WitnessState;
  /** Undefined where the network has no emission. */
  readonly allotting?: AllottingState | undefined;
  readonly tallyBook?: TallyBook | undefined;
  /** Undefined where this validator is no price feed. */
  readonly pricing?: PricingState | undefined;
  /** What this validator's own machine shows for a nonce; undefined where it shows nothing. */
  readonly show?: ((nonce: Uint8Array) => Promise<{ nodeId: Uint8Array; evidence: Uint8Array }>) | undefined;
  /** Undefined where the network has no registry of machines. */
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
