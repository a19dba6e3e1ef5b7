import { secp256k1 } from '@noble/curves/secp256k1.js';
import { equalBytes, toHex } from '../base/bytes.ts';
import { type LedgerPoint, parseLedgerSignature, recoverPoint, toAddress } from './ledger-signature.ts';

export interface LedgerVerifierOptions {
  /** Addresses that are remembered; the least recently used one leaves. A table takes some 100 KiB. Default: 128. */
  readonly capacity?: number;
  /** An address gets a table after this many signatures. A table costs as much as ten recoveries. Default: 4. */
  readonly tableAfter?: number;
}

interface Signer {
  signatures: number;
  point: LedgerPoint | undefined;
}

const { Point } = secp256k1;
const { Fn } = Point;
/** Window of the tables, in bits: 4 is quick to build and takes a fourth of the time of a recovery. */
const WINDOW_BITS = 4;
/**
 * The generator with a table of the same width, built at first use. The library's own table takes a tenth of a second to build.
 */
const GENERATOR = Point.fromBytes(Point.BASE.toBytes()).precompute(WINDOW_BITS);

/**
 * Crypto.verifyAddress that remembers the public keys of those who sign often: with a known key, R = (h G + r Q) / s takes two
 * point multiplications with tables; a recovery (Q = (s R - h G) / r) takes a square root and two multiplications without
 * tables. R must be the very point that the recovery starts from, so both accept the same signatures. An invalid signature adds
 * nothing to the memory.
 */
export function createLedgerVerifier({ capacity = 128, tableAfter = 4 }: LedgerVerifierOptions = {}) {
  const signers = new Map<string, Signer>();

  function remember(name: string, signer: Signer): void {
    signers.delete(name);
    signers.set(name, signer);
    if (signers.size > capacity) signers.delete(signers.keys().next().value as string);
  }

  return (digest: Uint8Array, signature: Uint8Array, address: Uint8Array): boolean => {
    const name = toHex(address);
    const signer = signers.get(name) ?? { signatures: 0, point: undefined };
    if (signer.point) {
      if (!verifyPoint(digest, signature, signer.point)) return false;
    } else {
      const point = recoverPoint(digest, signature);
      if (point === undefined || !equalBytes(toAddress(point), address)) return false;
      signer.signatures++;
      if (signer.signatures >= tableAfter) signer.point = point.precompute(WINDOW_BITS, false);
    }
    remember(name, signer);
    return true;
  };
}

/** Whether recovery from this signature gives this key. */
function verifyPoint(digest: Uint8Array, signature: Uint8Array, point: LedgerPoint): boolean {
  const parsed = parseLedgerSignature(signature);
  if (digest.length !== 32 || parsed === undefined) return false;
  const { r, s, isOdd } = parsed;
  const inverse = Fn.inv(s);
  const h = Fn.create(BigInt(`0x${toHex(digest)}`));
  const found = GENERATOR.multiplyUnsafe(Fn.mul(h, inverse)).add(point.multiplyUnsafe(Fn.mul(r, inverse)));
  if (found.is0()) return false;
  const { x, y } = found.toAffine();
  return x === r && ((y & 1n) === 1n) === isOdd;
}
