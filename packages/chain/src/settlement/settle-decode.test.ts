import { describe, expect, it } from 'vitest';
import { ChainError } from '../errors.ts';
import type { Hex } from '../hex.ts';
import { encodeSettle } from './settle-call.ts';
import { decodeSettle } from './settle-decode.ts';

const hex = (byte: string, sizeBytes: number): Hex => `0x${byte.repeat(sizeBytes)}`;

describe('decoding a settlement', () => {
  it('gives back what was encoded', () => {
    const call = {
      batch: {
        validator: hex('a1', 20),
        sequence: 3n,
        logHead: hex('b1', 32),
        logLength: 9n,
        recordsRoot: hex('b2', 32),
        replies: 8,
      },
      debits: [
        {
          payer: hex('c1', 20),
          amount: 5n,
          cumulative: 7n,
          termsHash: hex('c2', 32),
          signature: `${hex('c3', 32)}${'43'.repeat(32)}1c` as Hex,
        },
      ],
      lines: [
        {
          providerId: hex('d3', 32),
          payee: hex('d1', 20),
          router: hex('d2', 20),
          gross: 5n,
          fine: 2n,
          modelRoot: hex('d4', 32),
        },
      ],
      ejections: [hex('e1', 32)],
      tallies: [{ payee: hex('a2', 20), credits: 4, refuted: 1 }],
      quorum: [hex('f1', 65), hex('f2', 65)],
    };
    expect(decodeSettle(encodeSettle(call))).toEqual(call);
  });

  it.each(['0x', '0x12345678', hex('00', 200)] as Hex[])('refuses %s', (calldata) => {
    expect(() => decodeSettle(calldata)).toThrow(ChainError);
  });
});
