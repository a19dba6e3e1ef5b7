import { computeAttemptEpoch, MAX_AUDIT_ATTEMPTS } from '@ogong/protocol/audit/audit-attempt';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { HYBRID_PUBLIC_KEY_BYTES, HYBRID_SIGNATURE_BYTES } from '@ogong/protocol/crypto/hybrid';
import { END_BYTES } from '@ogong/protocol/exchange/ending/order-end';
import { type Evidence, encodeEvidence } from '@ogong/protocol/verdict/evidence';

const fill = (byte: number, count: number): Uint8Array => new Uint8Array(count).fill(byte);
const key = fill(0x0a, HYBRID_PUBLIC_KEY_BYTES);
const signature = fill(0x0b, HYBRID_SIGNATURE_BYTES);
const candidate = (byte: number, numericClass: string) => ({
  ...{ providerId: fill(byte, 32), payee: fill(byte + 1, 20), keyHash: fill(byte + 2, 32) },
  ...{ operator: fill(byte + 3, 32), numericClass, contextSize: 4_096, weight: 1_000_001n },
});
const segment = { manifestHash: fill(0x44, 32), firstLayer: 3, layers: 4 };
const asked = (byte: number, sitting: number, round: number) => ({
  ...{ verifierId: fill(byte, 32), sitting, round, nonce: fill(byte + 4, 16) },
});
const committed = { verifierKey: key, digest: fill(0x0c, 32), signature };
const credential = {
  ...{ announcement: fill(0x40, 300), providerKey: key, signature, payeeWord: fill(0x41, 73) },
  verifierEndorsement: { word: fill(0x42, 90), verifierKey: key, signature },
};
const opened = { salt: fill(0x0d, 32), report: fill(0x0e, 70), signature };

const told = { epoch: 9n, timeMs: 1_750_000_000_000, signature: fill(0x0f, 65) };
const trapped = { verifierId: fill(0x20, 32), proof: fill(0x43, 80) };
const statements = [
  { ...told, place: 0, isRefused: false },
  { ...told, place: 2, isRefused: true },
];

/** Evidence of every kind and of every state of an attempt. It convicts nobody: it shows the bytes alone. */
const SAMPLES: readonly Evidence[] = [
  { kind: 'audit', opening: fill(0x01, 40), lists: [], attempts: [] },
  {
    kind: 'audit',
    opening: fill(0x01, 300),
    drift: { tableHash: fill(0x02, 32), rejectPpb: 1_000, doubtPpb: 2_000_000, extrapolate: true },
    lists: [[candidate(0x10, 'fake/1'), candidate(0x20, '')], [{ ...candidate(0x10, 'fake/1'), segment }], []],
    attempts: [
      { ...asked(0x10, 0, 0), committed: undefined, opened: undefined, statements },
      { ...asked(0x20, 0, 1), committed, opened: undefined },
      { ...asked(0x20, 1, 2), committed, opened, credential },
      { ...asked(0x30, 1, 3), committed, opened, credential: undefined },
    ],
  },
  {
    kind: 'audit',
    opening: fill(0x01, 40),
    lists: [[candidate(0x10, 'fake/1'), candidate(0x20, '')]],
    attempts: [],
    honeypot: { ...trapped, committed, opened, credential },
  },
  {
    kind: 'audit',
    opening: fill(0x01, 40),
    lists: [[candidate(0x10, 'fake/1'), candidate(0x20, '')]],
    attempts: [],
    honeypot: { ...trapped, committed: undefined, opened: undefined, credential, statements },
  },
  {
    kind: 'equivocation',
    first: { header: fill(0x03, 10), headerProof: [fill(0x04, 32), fill(0x05, 32)] },
    second: { record: fill(0x06, 200), signature, header: fill(0x07, 11), headerProof: [] },
  },
  { kind: 'withheld', statements },
  { kind: 'unasked', consent: undefined, statements: [] },
  { kind: 'unasked', consent: { providerKey: key, signature }, statements },
  { kind: 'abandoned', consent: { providerKey: key, signature }, statements },
  { kind: 'ended', end: { end: fill(0x44, END_BYTES), providerKey: key, signature } },
];

/** Byte strings as `<byte> x <count>` where all bytes are one, integers of 64 bits as text. */
function describe(value: unknown): unknown {
  if (value instanceof Uint8Array) return `${toHex(value.slice(0, 1))} x ${value.length}`;
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map(describe);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, describe(one)]));
}

/** Vectors of the epochs of audit attempts and of evidence, as `evidenceHash` covers it: `vectors/evidence.json`. */
export function createEvidenceVectors(crypto: Crypto): Readonly<Record<string, unknown>> {
  const evidence = SAMPLES.map((sample) => {
    const bytes = encodeEvidence(sample);
    // Long ones are stated by their hash; the fields give the bytes.
    const text = bytes.length <= 1_024 ? { bytes: toHex(bytes) } : {};
    return { fields: describe(sample), sizeBytes: bytes.length, ...text, evidenceHash: toHex(crypto.sha256(bytes)) };
  });
  const sittings = [0n, 4n, 1_000_000n].map((decidingEpoch) => ({
    decidingEpoch: decidingEpoch.toString(),
    epochs: Array.from({ length: MAX_AUDIT_ATTEMPTS }, (_, i) => computeAttemptEpoch(decidingEpoch, i).toString()),
  }));
  return { evidence: { sittings, evidence } };
}
