import { ProtocolError } from '@ogong/protocol/bytes';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeEvidence, parseEvidence } from './evidence.ts';

const fixed = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const some = fc.uint8Array({ maxLength: 64 });
const signed = fc.record({ report: some, verifierKey: fixed(1344), signature: fixed(2484) });
const evidence = fc.oneof(
  fc.constant({ kind: 'withheld' as const }),
  fc.record({ kind: fc.constant('equivocation' as const), record: some, signature: fixed(2484) }),
  fc.record({
    kind: fc.constant('audit' as const),
    opening: some,
    candidates: fc.array(fc.record({ providerId: fixed(32), payee: fixed(20), keyHash: fixed(32) }), { maxLength: 4 }),
    attempts: fc.array(fc.record({ verifierId: fixed(32), signed: fc.option(signed, { nil: undefined }) }), {
      maxLength: 3,
    }),
  }),
);
const runs = { seed: 7, numRuns: 60 };

describe('evidence', () => {
  it('has one encoding, which parses to what was written', () => {
    fc.assert(
      fc.property(evidence, (value) => {
        expect(parseEvidence(encodeEvidence(value))).toEqual(value);
      }),
      runs,
    );
  });

  it('is refused when cut, extended or of another kind, and nothing else happens', () => {
    fc.assert(
      fc.property(evidence, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 8 }), (value, at, junk) => {
        const bytes = encodeEvidence(value);
        expect(() => parseEvidence(bytes.slice(0, at % bytes.length))).toThrow(ProtocolError);
        expect(() => parseEvidence(new Uint8Array([...bytes, ...junk]))).toThrow(ProtocolError);
        const other = bytes.slice();
        other[18] = 9;
        expect(() => parseEvidence(other)).toThrow(ProtocolError);
      }),
      runs,
    );
  });
});
