import { compareBytes, ProtocolError, toHex } from '../base/bytes.ts';
import type { EmissionUnits } from './emission.ts';

/** Parts of a recycled unit, in basis points. All roles together never earn more for a reply than its recycled fee. */
const PROVIDER_BPS = 7_000n;
const VERIFICATION_BPS = 1_500n;
const VALIDATOR_BPS = 1_000n;
const ROUTER_BPS = 500n;
const BASIS = 10_000n;

/** One line of a settled batch, from the chain's event. */
export interface RecycledLine {
  /** 32 bytes. */
  readonly providerId: Uint8Array;
  readonly payee: Uint8Array;
  /** The zero address if no router took part. */
  readonly router: Uint8Array;
  readonly recycledAtomic: bigint;
}

/** The workers of one settled batch. */
export interface RecycledBatch {
  /** Account of the validator that handled the replies. */
  readonly validator: Uint8Array;
  readonly lines: readonly RecycledLine[];
  readonly verifiers: readonly { readonly payee: Uint8Array; readonly credits: number }[];
}

/**
 * Tallies the units that each account earned by the batches that settled within a tally (docs/spec/emission.md). It is the same
 * for every reader of the chain. Unearned parts, such as the router's part without a router, go to nobody.
 * @param isEjected at the end of the tally. An ejected provider's own part goes to nobody.
 * @returns ascending by account, without accounts of zero units.
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
