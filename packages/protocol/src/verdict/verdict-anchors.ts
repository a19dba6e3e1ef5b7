import type { AuditDraw } from '../audit/audit.ts';
import type { EpochMember } from '../beacon/validator-set.ts';
import type { LedgerDomain, Order } from '../exchange/order.ts';
import type { AuditBalance } from '../settlement/audit-balance.ts';
import type { VerdictEntry } from '../settlement/verdict-log.ts';
import type { OrderBeacon } from '../stage1/common-checks.ts';
import type { DriftNote, DriftPolicy } from './drift-policy.ts';
import type { WitnessedBy } from './judgement.ts';
import type { CheckPayeeStatement } from './payee-statements.ts';

/**
 * The data that the verdict's bytes do not contain. A callback without an answer throws its own error, which refutes nothing.
 */
export interface VerdictAnchors {
  /** Domain of the escrow, for which payers sign. */
  readonly ledger: LedgerDomain;
  /** Ledger address of the handling validator, which owns the log of the entry. */
  readonly validator: Uint8Array;
  readonly allowFixedVerifier: boolean;
  readonly checkWord: CheckPayeeStatement;
  /** Unix time in ms. */
  readonly nowMs: number;
  readonly findBeacon: (epoch: bigint) => Promise<OrderBeacon>;
  /** Returns the drift policy for scores of that entry, as its evidence names it. */
  readonly findPolicy: (note: DriftNote | undefined, entry: VerdictEntry) => DriftPolicy | undefined;
  /**
   * Returns the least share of audits of such a provider that ask two verifiers at once, parts per million. Default: PAIR_PPM.
   */
  readonly findPairPpm?: (entry: VerdictEntry, order: Order) => Promise<number>;
  /** The share of audits that bring a honeypot along, parts per million. Default: HONEYPOT_PPM. */
  readonly honeypotPpm?: number | undefined;
  /** Returns the validators of an epoch, from which its beacon draws witnesses. Without it silence is not checked. */
  readonly findMembers?: (epoch: bigint) => Promise<readonly EpochMember[]>;
  /** Returns the VRF key of the handling validator if it is in that epoch's set. Without it the nonce is not checked. */
  readonly findVrfKey?: (epoch: bigint) => Promise<Uint8Array | undefined>;
  /**
   * Audit balance of the entry's key, by the log before the entry. Without it the fee and the fine of a reply in doubt are the whole ones
   * or 0.
   */
  readonly balance?: AuditBalance | undefined;
  /** Returns whether a verifier showed here the thing that it is said to have withheld. Default: nothing was shown. */
  readonly wasShown?: WitnessedBy['wasShown'];
  /** @throws VerdictError if the beacon selected a reply that the entry calls unaudited. Skipped if absent. */
  readonly assertPassedOver?: (entry: VerdictEntry, order: Order, draw: AuditDraw) => Promise<void>;
}

/** The error of an entry that contradicts its own evidence. */
export class VerdictError extends Error {
  override readonly name = 'VerdictError';
  readonly code = 'refuted';
  readonly retryable = false;
}

export function demand(ok: boolean, message: string): asserts ok {
  if (!ok) throw new VerdictError(message);
}
