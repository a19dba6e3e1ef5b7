import { concatBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { computePartId, createPartTable, packEntry } from '@ogong/protocol/settlement/packed-entry';
import { encodeDescribed } from '@ogong/protocol/verdict/evidence';

const fill = (byte: number, length: number): Uint8Array => new Uint8Array(length).fill(byte);
const row = (byte: number, numericClass: string): Uint8Array =>
  encodeDescribed({
    ...{ providerId: fill(byte, 32), payee: fill(byte + 1, 20), keyHash: fill(byte + 2, 32) },
    ...{ operator: fill(byte + 3, 32), numericClass, contextSize: 4_096 },
  });

/** Packed entries over some parts: `vectors/packed-entry.json`. The entries are made-up bytes. */
export function createPackedVectors(crypto: Crypto): unknown {
  const parts = [row(0x10, 'fake/1'), row(0x20, ''), fill(0x30, 80), concatBytes(fill(0x30, 80), fill(0x31, 90))];
  const [first, second, key, signed] = parts as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const weight = fill(0, 8);
  const table = createPartTable(crypto);
  table.put('vectors', parts);
  const entries = [
    new Uint8Array(0),
    fill(0x40, 300),
    concatBytes(fill(0x41, 5), first, weight, second, weight),
    concatBytes(first, fill(0x42, 254), key, fill(0x43, 255), signed, fill(0x44, 256)),
  ];
  return {
    parts: parts.map((bytes) => ({ bytes: toHex(bytes), id: toHex(computePartId(crypto, bytes)) })),
    entries: entries.map((entry) => ({
      entry: toHex(entry),
      packed: toHex(packEntry(crypto, entry, table).packed),
    })),
  };
}
