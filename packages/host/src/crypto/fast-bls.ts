import blst from '@chainsafe/blst';
import { BLS_KEY_BYTES, BLS_SIGNATURE_BYTES, type Bls, type BlsKeys } from '@ogong/protocol/crypto/bls';
import { encodeScalar } from '@ogong/protocol/crypto/bls-scalar';
import mcl from 'mcl-wasm';
import { verifyBls } from './verify-bls.ts';

type KeyPoint = InstanceType<typeof mcl.G1>;
type SignaturePoint = InstanceType<typeof mcl.G2>;

interface FastKeys extends BlsKeys {
  readonly points: readonly KeyPoint[];
}

const INFINITY = 0xc0;

function toScalar(value: bigint): InstanceType<typeof mcl.Fr> {
  const scalar = new mcl.Fr();
  scalar.setLittleEndian(encodeScalar(value).reverse());
  return scalar;
}

const FIELD_BYTES = 48;

/** A number of the field. The library reads them with the lowest byte first, unlike points. */
function toField(bigEndian: Uint8Array): InstanceType<typeof mcl.Fp> {
  const number = new mcl.Fp();
  number.setLittleEndian(bigEndian.toReversed());
  return number;
}

/** Coordinates of an uncompressed point, which blst has decoded and checked: it takes a sixth of the time that mcl takes. */
const readFields = (raw: Uint8Array): InstanceType<typeof mcl.Fp>[] =>
  Array.from({ length: raw.length / FIELD_BYTES }, (_, i) =>
    toField(raw.subarray(i * FIELD_BYTES, (i + 1) * FIELD_BYTES)),
  );

/** Undefined for bytes that are no point of the subgroup, and for infinity. */
function decode<P>(bytes: Uint8Array, length: number, read: () => P): P | undefined {
  if (bytes.length !== length || ((bytes[0] as number) & INFINITY) === INFINITY) return undefined;
  try {
    return read();
  } catch {
    // The library throws for malformed points and for those outside the subgroup.
    return undefined;
  }
}

function decodeKey(bytes: Uint8Array): KeyPoint | undefined {
  return decode(bytes, BLS_KEY_BYTES, () => {
    const [x, y] = readFields(blst.PublicKey.fromBytes(bytes, true).toBytes(false));
    const point = new mcl.G1();
    point.setX(x as InstanceType<typeof mcl.Fp>);
    point.setY(y as InstanceType<typeof mcl.Fp>);
    point.setZ(toField(Uint8Array.of(1)));
    return point;
  });
}

/** Coordinates of G2 have two parts, the second one first. */
function decodeSignature(bytes: Uint8Array): SignaturePoint | undefined {
  return decode(bytes, BLS_SIGNATURE_BYTES, () => {
    const fields = readFields(blst.Signature.fromBytes(bytes, true).toBytes(false));
    const pair = (at: number) => {
      const number = new mcl.Fp2();
      number.set_a(fields[at + 1] as InstanceType<typeof mcl.Fp>);
      number.set_b(fields[at] as InstanceType<typeof mcl.Fp>);
      return number;
    };
    const one = new mcl.Fp2();
    one.setInt(1, 0);
    const point = new mcl.G2();
    point.setX(pair(0));
    point.setY(pair(2));
    point.setZ(one);
    return point;
  });
}

/** @returns undefined if one of them is. */
function collect<T>(items: readonly (T | undefined)[]): T[] | undefined {
  return items.includes(undefined) ? undefined : (items as T[]);
}

function sum<P extends KeyPoint | SignaturePoint>(points: readonly P[], scalars: readonly bigint[]): P {
  return mcl.mulVec([...points], scalars.map(toScalar));
}

let started: Promise<void> | undefined;

/** The library has one state, so a second start would only compile its code again. */
function startMcl(): Promise<void> {
  started ??= mcl.init(mcl.BLS12_381).then(() => {
    mcl.setMapToMode(mcl.IRTF);
    mcl.setETHserialization(true);
  });
  return started;
}

/**
 * BLS for daemons: blst, in native code, signs and verifies; mcl, in WebAssembly, adds and multiplies points, which blst does not export.
 * It agrees with the reference by the compliance suite of `Bls`.
 */
export async function createFastBls(): Promise<Bls> {
  await startMcl();
  return {
    deriveKey(scalar) {
      if (scalar !== 0n) return blst.SecretKey.fromBytes(encodeScalar(scalar)).toPublicKey().toBytes();
      return Uint8Array.of(INFINITY, ...new Uint8Array(BLS_KEY_BYTES - 1));
    },
    sign: (scalar, message) => blst.SecretKey.fromBytes(encodeScalar(scalar)).sign(message).toBytes(),
    verify: verifyBls,
    decodeKeys(bytes) {
      const points = collect(bytes.map(decodeKey));
      return points && ({ bytes, points } as FastKeys);
    },
    evaluateKeys(keys, at) {
      const place = toScalar(BigInt(at));
      const { points } = keys as FastKeys;
      // Unlike the library's own evaluation it takes a single point too.
      const [top, ...rest] = [...points].reverse() as [KeyPoint, ...KeyPoint[]];
      return rest.reduce((total, point) => mcl.add(mcl.mul(total, place), point), top).serialize();
    },
    combineKeys(lists, scalars) {
      const columns = (lists as readonly FastKeys[])[0]?.points.map((_, k) =>
        sum(
          lists.map((list) => (list as FastKeys).points[k] as KeyPoint),
          scalars,
        ),
      );
      if (columns === undefined || columns.some((point) => point.isZero())) return undefined;
      return { bytes: columns.map((point) => point.serialize()), points: columns } as FastKeys;
    },
    combineSignatures(signatures, scalars) {
      const points = collect(signatures.map(decodeSignature));
      if (points === undefined || points.length === 0) return undefined;
      const total = sum(points, scalars);
      return total.isZero() ? undefined : total.serialize();
    },
  };
}
