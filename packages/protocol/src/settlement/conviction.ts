import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped, named } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from '../exchange/order.ts';

/** Offences in the contract's order. The first three cost a validator's bond, the others stake. */
export const OFFENCES = [
  'over-admission',
  'false-verdict',
  'contradiction',
  'misrouting',
  'passed-honeypot',
  'refuted-report',
  'forged-machine',
] as const;

export type Offence = (typeof OFFENCES)[number];

/** A quorum's signed conviction by published evidence (docs/spec/cases.md). */
export interface Conviction {
  readonly offence: Offence;
  /** 20 bytes, as is the next field. */
  readonly accused: Uint8Array;
  /** Receives a share of the taken money; zeros for nobody. */
  readonly reporter: Uint8Array;
  /** Hash of the evidence. */
  readonly evidence: Uint8Array;
  /** Number of the conviction; the first of the accused is 1. A stored signature cannot convict a second time. */
  readonly conviction: number;
}

const typedConviction = createTypedStruct('Conviction', {
  number: named('offence', abi.uint8),
  accused: abi.address,
  reporter: abi.address,
  evidence: abi.bytes32,
  conviction: abi.uint32,
});

/** Computes the EIP-712 digest that validators sign. @param domain of the contract Cases. */
export function hashConviction(
  crypto: Crypto,
  domain: LedgerDomain,
  { offence, accused, reporter, evidence, conviction }: Conviction,
): Uint8Array {
  const number = OFFENCES.indexOf(offence);
  return hashTyped(
    crypto,
    hashLedgerDomain(crypto, domain),
    typedConviction.hash(crypto, { number, accused, reporter, evidence, conviction }),
  );
}

const typedAcquittal = createTypedStruct('Acquittal', { subject: abi.bytes32 });

/**
 * Computes the EIP-712 digest that a member of a panel signs to lift a decision.
 * @param domain of the contract Hearings.
 * @param subject 32 bytes, as in the hearing.
 */
export function hashAcquittal(crypto: Crypto, domain: LedgerDomain, subject: Uint8Array): Uint8Array {
  return hashTyped(crypto, hashLedgerDomain(crypto, domain), typedAcquittal.hash(crypto, { subject }));
}
