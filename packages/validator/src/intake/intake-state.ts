import { nodeSeal } from '@ogong/host/crypto/node-seal';
import type { Caller } from '@ogong/host/link/link-admission';
import { Refusal } from '@ogong/host/link/link-error';
import {
  createNewcomerBudget,
  NEWCOMER_LIMITS,
  type NewcomerBudget,
  type NewcomerLimits,
} from '@ogong/host/link/newcomer-budget';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import type { ChainView } from '@ogong/host/views/chain-view';
import type { ModelRoots } from '@ogong/host/views/model-roots';
import type { NewcomerAdmission } from '@ogong/host/views/newcomer-admission';
import type { OrderKeyView } from '@ogong/host/views/order-keys';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { SealPrimitives } from '@ogong/protocol/crypto/seal-primitives';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { isPayeeOut } from '@ogong/protocol/settlement/log-tests';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { OrderBeacon } from '@ogong/protocol/stage1/common-checks';
import type { EvidenceReaders, ShownRecord } from '@ogong/protocol/tier/tier';
import { type CheckPayeeStatement, createPayeeStatements } from '@ogong/protocol/verdict/payee-statements';
import type { Holdings } from '../audit/deterrence.ts';
import type { BeaconArchive } from '../beacon/beacon-archive.ts';
import type { RequiredStakes } from '../store/candidates.ts';
import { createTestStates, OWN_TESTS } from '../store/sequential-store.ts';
import type { VerdictContext } from '../store/verdict-store.ts';
import type { AdmissionMemory } from './admission-memory.ts';
import type { BondRoom } from './bond-room.ts';
import { createIntakeReceipts, type SignIntake } from './intake-receipts.ts';
import { createKnownVerifiers, type KnownVerifiers } from './known-verifiers.ts';
import type { SecondDeliveryLimits } from './second-recipient.ts';
import { createValidatorSealKeys, type ValidatorSealKeys } from './validator-seal-keys.ts';

export interface IntakeOptions {
  readonly ledger: LedgerDomain;
  readonly verdicts: VerdictContext;
  /** Time that verifiers have for their reports once an opening is here. */
  readonly auditWindowMs: number;
  /** Registry in which the weights behind a name are looked up. Default: the root in the order is trusted. */
  readonly modelRoots?: ModelRoots | undefined;
  /** Default: MAX_ANNOUNCEMENTS. */
  readonly maxAnnouncements?: number;
  /** Orders of one payer that wait for their replies. Default: MAX_OPEN_ORDERS. */
  readonly maxOpenOrders?: number;
  /** Limits for deliveries of replies that other validators handle. Default: SECOND_DELIVERY_LIMITS. */
  readonly secondDeliveryLimits?: SecondDeliveryLimits;
  /** Default: NEWCOMER_LIMITS. */
  readonly newcomers?: NewcomerLimits;
}

export interface IntakeDependencies {
  readonly crypto: Crypto;
  /** Default: Node's. */
  readonly seal?: SealPrimitives | undefined;
  readonly clock: Clock;
  /** Signs receipts for records in the name of this validator. */
  readonly signer: ValidatorSigner;
  readonly store: Store;
  readonly group: GroupCommit;
  readonly archive: BeaconArchive;
  readonly chain: Pick<ChainView, 'channel' | 'isEjected' | 'recallByAddress' | 'router' | 'validators'>;
  readonly holdings: Holdings;
  /** Default: no work is required. */
  readonly letIn?: NewcomerAdmission | undefined;
  /** Returns the beacon of an epoch, from a peer if it is not archived. */
  readonly getBeacon: (epoch: bigint) => Promise<OrderBeacon | undefined>;
  /** Readers of own evidence. Default: none, and no record of a tier that needs one is accepted. */
  readonly evidenceReaders?: EvidenceReaders | undefined;
  /** Called with a record that was refused for its own evidence. Default: nothing follows. */
  readonly onEvidenceFault?: ((shown: ShownRecord) => void) | undefined;
  readonly onVerdict: (entry: VerdictEntry) => void;
  /** Reads if a key signs orders for their payer. Default: only payers' own keys count. */
  readonly learnOrderKey?: OrderKeyView['learn'] | undefined;
  /** Default: the database knows all admitted orders. */
  readonly memory?: AdmissionMemory | undefined;
  /** Default: no limit by bonds. */
  readonly room?: BondRoom | undefined;
  /** Default: no stake is required of verifiers. */
  readonly requiredStakes?: (() => RequiredStakes) | undefined;
  /** Earns a sender of a paid order more calls. */
  readonly earn?: ((caller: Caller, calls: number) => void) | undefined;
}

/** The state that the steps of intake work on. Everything that changes is in the store. */
export interface IntakeState extends Omit<IntakeOptions, 'newcomers'>, IntakeDependencies {
  readonly checkWord: CheckPayeeStatement;
  readonly newcomers: NewcomerBudget;
  readonly signIntake: SignIntake;
  readonly sealKeys: ValidatorSealKeys;
  readonly verifiers: KnownVerifiers;
}

export function openIntakeState(options: IntakeOptions, dependencies: IntakeDependencies): IntakeState {
  return {
    ...{ ...options, ...dependencies },
    checkWord: createPayeeStatements(dependencies.crypto, options.ledger),
    newcomers: createNewcomerBudget(options.newcomers ?? NEWCOMER_LIMITS, dependencies.clock),
    signIntake: createIntakeReceipts({ ledger: options.ledger, signer: dependencies.signer }),
    verifiers: createKnownVerifiers(dependencies),
    sealKeys: createValidatorSealKeys({ ...dependencies, seal: dependencies.seal ?? nodeSeal, ledger: options.ledger }),
  };
}

/** Refuses an ejected payee. A new key is a new provider, but the evidence against its payee stays. @throws Refusal */
export function refusePayeeOut({ store }: Pick<IntakeState, 'store'>, payee: Uint8Array): void {
  if (!store.read(() => isPayeeOut(createTestStates(store, OWN_TESTS), payee))) return;
  throw new Refusal('precondition', 'the payee is ejected: several of its keys were found to cheat');
}
