import type { MinedBatch, RecycledWork } from '@ogong/chain/money/emission';
import { fromHex, ProtocolError } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { computeEmissionRoot, type EmissionUnits } from '@ogong/protocol/settlement/emission';
import { type RecycledBatch, tallyEmission } from '@ogong/protocol/settlement/emission-tally';

/** A tally of the emission: every reader of the chain computes the same. */
export interface EmissionTally {
  /** Ascending by account. */
  readonly entries: readonly EmissionUnits[];
  /** 32 bytes. */
  readonly root: Uint8Array;
  readonly units: bigint;
}

const bytes = (hex: string): Uint8Array => fromHex(hex.slice(2));

function toBatch({ validator, lines, verifiers }: MinedBatch): RecycledBatch {
  return {
    validator: bytes(validator),
    lines: lines.map(({ providerId, payee, router, recycled }) => ({
      providerId: bytes(providerId),
      payee: bytes(payee),
      router: bytes(router),
      recycledAtomic: recycled,
    })),
    verifiers: verifiers.map(({ payee, credits }) => ({ payee: bytes(payee), credits })),
  };
}

/**
 * @returns undefined if nobody earned a unit.
 * @throws ProtocolError `malformed` if the events and the contract's own sum disagree: some are missing.
 */
export function computeTally(crypto: Crypto, { batches, ejected, recycled }: RecycledWork): EmissionTally | undefined {
  const found = batches.flatMap(({ lines }) => lines).reduce((sum, line) => sum + line.recycled, 0n);
  if (found !== recycled) {
    throw new ProtocolError(
      'malformed',
      `events of ${found} recycled units were found, the contract counted ${recycled}`,
    );
  }
  const gone = new Set<string>(ejected.map((id) => id.slice(2)));
  const entries = tallyEmission(batches.map(toBatch), (id) => gone.has(Buffer.from(id).toString('hex')));
  if (entries.length === 0) return undefined;
  const units = entries.reduce((sum, entry) => sum + entry.units, 0n);
  return { entries, root: computeEmissionRoot(crypto, entries), units };
}
