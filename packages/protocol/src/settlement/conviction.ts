import type { Crypto } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped, named } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from '../exchange/order.ts';

/** In the contract's order. The first three cost a validator's bond, the others stake. */
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

/** That published evidence convicts somebody, as a quorum signs it (docs/spec/cases.md). */
export interface Conviction {
  readonly offence: Offence;
  /** 20 bytes, as is the next. */
  readonly accused: Uint8Array;
  /** Has a share of what the case takes; zeros for nobody. */
  readonly reporter: Uint8Array;
  /** Hash of the evidence. */
  readonly evidence: Uint8Array;
  /** The first of the accused is 1. A kept signature convicts no second time. */
  readonly conviction: number;
}

const typedConviction = createTypedStruct('Conviction', {
  number: named('offence', abi.uint8),
  accused: abi.address,
  reporter: abi.address,
  evidence: abi.bytes32,
  conviction: abi.uint32,
});

/** The EIP-712 digest that validators sign. @param domain of the contract Cases. */
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
 * The EIP-712 digest that a member of a panel signs, who lifts what was decided.
 * @param domain of the contract Hearings. @param subject 32 bytes, as the hearing has it.
 */
export function hashAcquittal(crypto: Crypto, domain: LedgerDomain, subject: Uint8Array): Uint8Array {
  return hashTyped(crypto, hashLedgerDomain(crypto, domain), typedAcquittal.hash(crypto, { subject }));
}
