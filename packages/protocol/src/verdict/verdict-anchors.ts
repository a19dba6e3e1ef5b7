import type { AuditDraw } from '../audit/audit.ts';
import type { EpochMember } from '../beacon/validator-set.ts';
import type { LedgerDomain, Order } from '../exchange/order.ts';
import type { VerdictEntry } from '../settlement/verdict-log.ts';
import type { OrderBeacon } from '../stage1/common-checks.ts';
import type { DriftNote, DriftPolicy } from './drift-policy.ts';
import type { WitnessedBy } from './judgement.ts';
import type { CheckPayeeWord } from './payee-words.ts';

/** What the verdict's bytes do not contain. A callback that does not know throws its own error, which refutes nothing. */
export interface VerdictAnchors {
  /** Domain of the escrow: what payers sign for. */
  readonly ledger: LedgerDomain;
  /** Ledger address of the handling validator: whose log the entry stands in. */
  readonly validator: Uint8Array;
  readonly allowFixedVerifier: boolean;
  readonly checkWord: CheckPayeeWord;
  /** Unix time in ms. */
  readonly nowMs: number;
  readonly findBeacon: (epoch: bigint) => Promise<OrderBeacon>;
  /** The drift policy for scores of that entry, as its evidence names it. */
  readonly findPolicy: (note: DriftNote | undefined, entry: VerdictEntry) => DriftPolicy | undefined;
  /** The least share of audits of such a provider that ask two verifiers at once, parts per million. Default: PAIR_PPM. */
  readonly findPairPpm?: (entry: VerdictEntry, order: Order) => Promise<number>;
  /** The share of audits that bring a honeypot along, parts per million. Default: HONEYPOT_PPM. */
  readonly honeypotPpm?: number | undefined;
  /** The validators of an epoch, of whom its beacon draws witnesses. Who was silent is not checked where absent. */
  readonly findMembers?: (epoch: bigint) => Promise<readonly EpochMember[]>;
  /** VRF key of the handling validator where it is of that epoch's set. What a nonce follows from is not checked where absent. */
  readonly findVrfKey?: (epoch: bigint) => Promise<Uint8Array | undefined>;
  /** Whether a verifier showed here what it is said to have kept. Default: nothing was shown. */
  readonly wasShown?: WitnessedBy['wasShown'];
  /** @throws VerdictError where the beacon selected a reply that the entry calls unaudited. Skipped where absent. */
  readonly assertPassedOver?: (entry: VerdictEntry, order: Order, draw: AuditDraw) => Promise<void>;
}

/** The entry contradicts its own evidence. */
export class VerdictError extends Error {
  override readonly name = 'VerdictError';
  readonly code = 'refuted';
  readonly retryable = false;
}

export function demand(ok: boolean, message: string): asserts ok {
  if (!ok) throw new VerdictError(message);
}
