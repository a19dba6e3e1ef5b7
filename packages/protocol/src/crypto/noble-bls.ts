import { pippenger } from '@noble/curves/abstract/curve.js';
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { BLS_DOMAIN, BLS_KEY_BYTES, BLS_SIGNATURE_BYTES, type Bls, type BlsKeys } from './bls.ts';
import { encodeScalar } from './bls-scalar.ts';

type KeyPoint = InstanceType<typeof bls12_381.G1.Point>;
type SignaturePoint = InstanceType<typeof bls12_381.G2.Point>;

const { longSignatures, G1, G2 } = bls12_381;

interface NobleKeys extends BlsKeys {
  readonly points: readonly KeyPoint[];
}

/** Decodes a point; undefined for infinity, and for bytes outside the subgroup. */
function decode<P extends { assertValidity(): void; is0(): boolean }>(
  bytes: Uint8Array,
  length: number,
  fromBytes: (bytes: Uint8Array) => P,
): P | undefined {
  if (bytes.length !== length) return undefined;
  try {
    const point = fromBytes(bytes);
    point.assertValidity();
    return point.is0() ? undefined : point;
  } catch {
    return undefined;
  }
}

const decodeKey = (bytes: Uint8Array): KeyPoint | undefined =>
  decode(bytes, BLS_KEY_BYTES, (all) => G1.Point.fromBytes(all));
const decodeSignature = (bytes: Uint8Array): SignaturePoint | undefined =>
  decode(bytes, BLS_SIGNATURE_BYTES, (all) => G2.Point.fromBytes(all));

/** Returns undefined if any item is undefined. */
function collect<T>(items: readonly (T | undefined)[]): T[] | undefined {
  return items.includes(undefined) ? undefined : (items as T[]);
}

const INFINITY = Uint8Array.of(0xc0, ...new Uint8Array(BLS_KEY_BYTES - 1));

/** Encodes a key; the library has no encoding of infinity for keys. */
const encodeKey = (point: KeyPoint): Uint8Array => (point.is0() ? INFINITY.slice() : point.toBytes());

/** Creates the implementation. @param domain of another scheme, to check the primitives against its vectors. */
export function createNobleBls(domain: string = BLS_DOMAIN): Bls {
  const hash = (message: Uint8Array): SignaturePoint => longSignatures.hash(message, domain);
  return {
    deriveKey: (scalar) => encodeKey(scalar === 0n ? G1.Point.ZERO : G1.Point.BASE.multiply(scalar)),
    sign: (scalar, message) => longSignatures.sign(hash(message), encodeScalar(scalar)).toBytes(),
    verify(key, message, signature) {
      const [point, signed] = [decodeKey(key), decodeSignature(signature)];
      if (point === undefined || signed === undefined) return false;
      return longSignatures.verify(signed, hash(message), point);
    },
    decodeKeys(bytes) {
      const points = collect(bytes.map(decodeKey));
      return points && ({ bytes, points } as NobleKeys);
    },
    evaluateKeys(keys, at) {
      const place = BigInt(at);
      const { points } = keys as NobleKeys;
      return encodeKey(points.reduceRight((sum, point) => sum.multiplyUnsafe(place).add(point), G1.Point.ZERO));
    },
    combineKeys(lists, scalars) {
      const [first] = lists as readonly NobleKeys[];
      if (first === undefined) return undefined;
      const sums = first.points.map((_, k) =>
        pippenger(
          G1.Point,
          lists.map((list) => (list as NobleKeys).points[k] as KeyPoint),
          [...scalars],
        ),
      );
      if (sums.some((sum) => sum.is0())) return undefined;
      return { bytes: sums.map((sum) => sum.toBytes()), points: sums } as NobleKeys;
    },
    combineSignatures(signatures, scalars) {
      const points = collect(signatures.map(decodeSignature));
      if (points === undefined || points.length === 0) return undefined;
      const sum = pippenger(G2.Point, points, [...scalars]);
      return sum.is0() ? undefined : sum.toBytes();
    },
  };
}

/** The implementation over the noble library: browsers, tests, and the reference for others. */
export const nobleBls: Bls = createNobleBls();
