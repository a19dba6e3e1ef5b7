import { createSyntheticDivergence } from '@ogong/testing/synthetic/synthetic-divergence';
import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBase64, fromHex, ProtocolError, toBase64, toHex } from './base/bytes.ts';
import { encodeOpening, parseOpening } from './commitment/opening.ts';
import { encodeRecordV2, parseRecordV2 } from './commitment/record.ts';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from './crypto/noble.ts';
import { encodeOrder, parseOrder } from './exchange/order.ts';
import { encodeHeader, parseHeader } from './modality/text/commitment/header.ts';
import { decodeDraws, decodeSketch } from './modality/text/commitment/window.ts';
import { encodeDivergence, parseDivergence } from './modality/text/stage2/divergence.ts';
import { encodeTraceReport, parseTraceReport } from './modality/text/stage2/trace-report.ts';

const seed = 20261120;
const reply = createSyntheticReply({
  crypto,
  provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(2)),
  ledger: { chainId: 1n, verifyingContract: new Uint8Array(20) },
  tokens: 40,
  parameters: { logit_bias: { 4: 1 }, frequency_penalty: 1 },
});

const divergence = createSyntheticDivergence({
  crypto,
  provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
  verifier: createNobleHybridSigner(new Uint8Array(64).fill(3)),
  third: createNobleHybridSigner(new Uint8Array(64).fill(4)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(2)),
  ledger: { chainId: 1n, verifyingContract: new Uint8Array(20) },
});

/** Flips, truncates, doubles and extends valid bytes. Near-misses find more than noise does. */
const mutation = fc.record({ at: fc.nat(), xor: fc.integer({ min: 1, max: 255 }), cut: fc.nat(6), grow: fc.nat(6) });

function mutate(
  bytes: Uint8Array,
  { at, xor, cut, grow }: { at: number; xor: number; cut: number; grow: number },
): Uint8Array {
  const out = new Uint8Array(Math.max(0, bytes.length - cut) + grow);
  out.set(bytes.subarray(0, Math.min(bytes.length, out.length)));
  if (out.length > 0) out[at % out.length] = (out[at % out.length] as number) ^ xor;
  return out;
}

const parsers: [string, Uint8Array, (bytes: Uint8Array) => Uint8Array | undefined][] = [
  ['record', reply.recordBytes, (b) => encodeRecordV2(parseRecordV2(b))],
  ['order', reply.orderBytes, (b) => encodeOrder(parseOrder(b))],
  ['header', reply.opening.header, (b) => encodeHeader(parseHeader(b))],
  ['opening', reply.openingBytes, (b) => encodeOpening(parseOpening(b))],
  ['draws', reply.opening.windows[0]!.draws, (b) => void decodeDraws(b, reply.header)],
  ['trace report', encodeTraceReport(divergence.verifier), (b) => encodeTraceReport(parseTraceReport(b))],
  ['divergence', encodeDivergence(divergence.evidence), (b) => encodeDivergence(parseDivergence(b))],
  ['sketch', reply.opening.windows[0]!.sketch, (b) => void decodeSketch(b, { directions: 16 })],
];

describe.each(parsers)('%s', (_name, valid, reencode) => {
  it('throws a ProtocolError or round-trips exactly, for any mutation', () => {
    fc.assert(
      fc.property(mutation, (m) => {
        const bytes = mutate(valid, m);
        let again: Uint8Array | undefined;
        try {
          again = reencode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
          return;
        }
        if (again) expect(toHex(again)).toBe(toHex(bytes));
      }),
      { seed, numRuns: 2000 },
    );
  });

  it('survives noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => reencode(bytes)).toThrow(ProtocolError);
      }),
      { seed, numRuns: 500 },
    );
  });
});

describe('text encodings', () => {
  it('hex and base64 are inverses and accept one form', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(fromHex(toHex(bytes))).toEqual(bytes);
        expect(fromBase64(toBase64(bytes))).toEqual(bytes);
        expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
      }),
      { seed },
    );
    for (const bad of ['a', 'AA=A', 'AB==', 'AAA*', '=AAA', 'AAAA===='])
      expect(() => fromBase64(bad)).toThrow(ProtocolError);
    for (const bad of ['0', 'zz', '0x00']) expect(() => fromHex(bad)).toThrow(ProtocolError);
  });
});
