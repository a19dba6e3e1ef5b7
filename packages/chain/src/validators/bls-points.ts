import { bls12_381 } from '@noble/curves/bls12-381.js';
import { ChainError } from '../errors.ts';
import { type BytesLike, bytesToHex, type Hex, toHex } from '../hex.ts';

const FIELD_BYTES = 48;
/** A number of the field, as EIP-2537 has it: 64 bytes, the lowest last. */
const toWord = (value: bigint): string => value.toString(16).padStart(2 * (FIELD_BYTES + 16), '0');

function decode<P>(value: BytesLike, field: string, bytes: number, fromHex: (hex: string) => P): P {
  const hex = typeof value === 'string' ? value : bytesToHex(value);
  try {
    return fromHex(toHex(hex, field, bytes).slice(2));
  } catch (cause) {
    throw new ChainError('bad-input', `${field} is no point of the curve`, { cause });
  }
}

/** The compressed form of a key's coordinates, 48 bytes each. @throws ChainError 'bad-input' */
export function compressKey(coordinates: Hex): Hex {
  const hex = toHex(coordinates, 'key', 2 * FIELD_BYTES).slice(2);
  const [x, y] = [hex.slice(0, 2 * FIELD_BYTES), hex.slice(2 * FIELD_BYTES)].map((part) => BigInt(`0x${part}`));
  try {
    return `0x${bls12_381.G1.Point.fromAffine({ x: x as bigint, y: y as bigint }).toHex(true)}`;
  } catch (cause) {
    throw new ChainError('bad-input', 'key is no point of the curve', { cause });
  }
}

/** The coordinates of a compressed key, 128 bytes. @throws ChainError 'bad-input' */
export function expandKey(key: BytesLike): Hex {
  const { x, y } = decode(key, 'key', 48, (hex) => bls12_381.G1.Point.fromHex(hex).toAffine());
  return `0x${toWord(x)}${toWord(y)}`;
}

/** The coordinates of a compressed signature, 256 bytes. @throws ChainError 'bad-input' */
export function expandSignature(signature: BytesLike): Hex {
  const { x, y } = decode(signature, 'signature', 96, (hex) => bls12_381.G2.Point.fromHex(hex).toAffine());
  return `0x${[x.c0, x.c1, y.c0, y.c1].map(toWord).join('')}`;
}
