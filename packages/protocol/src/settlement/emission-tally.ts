import { compareBytes, ProtocolError, toHex } from '../base/bytes.ts';
import type { EmissionUnits } from './emission.ts';

/** Parts of a recycled unit, in basis points: what a reply earns all roles together is never more than its fee recycled. */
const PROVIDER_BPS = 7_000n;
const VERIFICATION_BPS = 1_500n;
const VALIDATOR_BPS = 1_000n;
const ROUTER_BPS = 500n;
const BASIS = 10_000n;

/** One line of a settled batch, as the chain's event has it. */
export interface RecycledLine {
  /** 32 bytes. */
  readonly providerId: Uint8Array;
  readonly payee: Uint8Array;
  /** The zero address where none took part. */
  readonly router: Uint8Array;
  readonly recycledAtomic: bigint;
}

/** What one settled batch says of who worked. */
export interface RecycledBatch {
  /** Account of the validator that handled the replies. */
  readonly validator: Uint8Array;
  readonly lines: readonly RecycledLine[];
  readonly verifiers: readonly { readonly payee: Uint8Array; readonly credits: number }[];
}

/**
 * Who earned how many units by the batches that settled within a tally (docs/spec/emission.md): the same for everybody who reads the
 * chain. What nobody earned, such as the part of a router where none took part, is nobody's.
 * @param isEjected at the end of the tally: that provider's own part is nobody's.
 * @returns ascending by account; nobody without units.
 */
export function tallyEmission(
  batches: readonly RecycledBatch[],
  isEjected: (providerId: Uint8Array) => boolean,
): EmissionUnits[] {
  const sums = new Map<string, { readonly account: Uint8Array; units: bigint }>();
  const add = (account: Uint8Array, units: bigint): void => {
    if (units === 0n || account.every((byte) => byte === 0)) return;
    const known = sums.get(toHex(account));
    if (known === undefined) sums.set(toHex(account), { account, units });
    else known.units += units;
  };
  for (const { validator, lines, verifiers } of batches) {
    let pool = 0n;
    for (const { providerId, payee, router, recycledAtomic } of lines) {
      if (recycledAtomic < 0n) throw new ProtocolError('out-of-range', `${recycledAtomic} recycled`);
      const part = (bps: bigint): bigint => (recycledAtomic * bps) / BASIS;
      if (!isEjected(providerId)) add(payee, part(PROVIDER_BPS));
      add(router, part(ROUTER_BPS));
      add(validator, part(VALIDATOR_BPS));
      pool += part(VERIFICATION_BPS);
    }
    const credits = BigInt(verifiers.reduce((sum, verifier) => sum + verifier.credits, 0));
    for (const verifier of verifiers) {
      if (credits > 0n) add(verifier.payee, (pool * BigInt(verifier.credits)) / credits);
    }
  }
  return [...sums.values()].sort((a, b) => compareBytes(a.account, b.account));
}
