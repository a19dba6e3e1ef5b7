import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolError } from '../base/bytes.ts';
import { encodeEvidence, parseEvidence } from './evidence.ts';

const fixed = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const some = fc.uint8Array({ maxLength: 64 });
const committed = fc.record({ verifierKey: fixed(1344), digest: fixed(32), signature: fixed(2484) });
const opened = fc.record({ salt: fixed(32), report: some, signature: fixed(2484) });
const asked = { verifierId: fixed(32), sitting: fc.nat(7), round: fc.nat(3), nonce: fixed(16) };
const none = fc.constant(undefined);
const statement = fc.record({
  isRefused: fc.boolean(),
  epoch: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  timeMs: fc.maxSafeNat(),
  signature: fixed(65),
});
const statements = fc.array(statement, { maxLength: 9 }).map((all) => all.map((one, place) => ({ ...one, place })));
const attempt = fc.oneof(
  fc.record({ ...asked, committed: none, opened: none, statements }),
  fc.record({ ...asked, committed, opened: none, statements }),
  fc.record({ ...asked, committed, opened }),
);
const told = { verifierId: fixed(32), proof: fixed(80) };
const honeypot = fc.option(
  fc.oneof(
    fc.record({ ...told, committed: none, opened: none, statements }),
    fc.record({ ...told, committed, opened: none, statements }),
    fc.record({ ...told, committed, opened }),
  ),
  { nil: undefined },
);
const candidate = fc.record({
  providerId: fixed(32),
  payee: fixed(20),
  keyHash: fixed(32),
  operator: fixed(32),
  numericClass: fc.constantFrom('', 'a/class', 'x'.repeat(255)),
  contextSize: fc.integer({ min: 0, max: 0xffffffff }),
  weight: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
});
const consent = fc.record({ providerKey: fixed(1344), signature: fixed(2484) });
const end = fc.record({ end: fixed(60), providerKey: fixed(1344), signature: fixed(2484) });
const rate = fc.integer({ min: 1, max: 1e9 - 1 });
const drift = fc.option(
  fc
    .record({ tableHash: fixed(32), rates: fc.tuple(rate, rate), extrapolate: fc.boolean() })
    .map(({ rates, ...note }) => ({ ...note, rejectPpb: Math.min(...rates), doubtPpb: Math.max(...rates) })),
  { nil: undefined },
);
const leaf = { header: some, headerProof: fc.array(fixed(32), { maxLength: 13 }) };
const evidence = fc.oneof(
  fc.record({ kind: fc.constant('withheld' as const), statements }),
  fc.record({ kind: fc.constant('unasked' as const), consent: fc.option(consent, { nil: undefined }), statements }),
  fc.record({ kind: fc.constant('abandoned' as const), consent, statements }),
  fc.record({ kind: fc.constant('ended' as const), end }),
  fc.record({
    kind: fc.constant('equivocation' as const),
    first: fc.record(leaf),
    second: fc.record({ record: some, signature: fixed(2484), ...leaf }),
  }),
  fc.record({
    kind: fc.constant('audit' as const),
    opening: some,
    drift,
    lists: fc.array(fc.array(candidate, { maxLength: 4 }), { maxLength: 8 }),
    attempts: fc.array(attempt, { maxLength: 3 }),
    honeypot,
  }),
);
const runs = { seed: 7, numRuns: 60 };

describe('evidence', () => {
  it('has one encoding, which parses to the same value', () => {
    fc.assert(
      fc.property(evidence, (value) => {
        expect(parseEvidence(encodeEvidence(value))).toEqual(value);
      }),
      runs,
    );
  });

  it('is refused when truncated, extended or of another kind, with a typed error', () => {
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
