import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/verdict-log.json' with { type: 'json' };
import { concatBytes, fromHex, ProtocolError, toHex } from '../base/bytes.ts';
import { nobleCrypto } from '../crypto/noble.ts';
import { MAX_ENTRY_BYTES } from './validator-statement.ts';
import {
  appendVerdict,
  computeCorrectionId,
  computeGenesisPosition,
  EVIDENCE_KINDS,
  encodeVerdictEntry,
  isBillable,
  isJudged,
  LOG_STEPS,
  type LogPosition,
  listVerifierIds,
  parseVerdictEntry,
  VERDICTS,
  type VerdictEntry,
  type VerdictFields,
  verifyChain,
} from './verdict-log.ts';

const fixed = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const u64 = fc.bigInt(0n, 2n ** 64n - 1n);

const anyEntry: fc.Arbitrary<VerdictEntry> = fc
  .record({
    index: u64,
    previousHash: fixed(32),
    replyId: fixed(16),
    recordHash: fixed(32),
    providerId: fixed(32),
    payee: fixed(20),
    verdict: fc.constantFrom(...VERDICTS),
    evidence: fc.constantFrom(...EVIDENCE_KINDS),
    feeAtomic: fc.bigInt(0n, 2n ** 128n - 1n),
    fineAtomic: fc.bigInt(0n, 2n ** 128n - 1n),
    payer: fixed(20),
    router: fixed(20),
    shards: fc.array(fc.integer({ min: 1, max: 500 }), { maxLength: 4 }),
    culprit: fc.option(fc.nat(3), { nil: undefined }),
    verifiers: fc.array(
      fc.oneof(
        fc.record({
          verifierId: fixed(32),
          payee: fixed(20),
          outcome: fc.constantFrom('refuted' as const, 'doubted' as const),
        }),
        fc.record({
          ...{ verifierId: fixed(32), payee: fixed(20) },
          ...{ outcome: fc.constant('credited' as const), tokens: fc.nat({ max: 2 ** 32 - 1 }) },
        }),
        fc.record({
          ...{ verifierId: fixed(32), payee: fixed(20) },
          ...{ outcome: fc.constant('silent' as const), halfHour: fc.nat({ max: 2 ** 32 - 1 }) },
        }),
      ),
      { maxLength: 16 },
    ),
    beaconEpoch: u64,
    evidenceHash: fixed(32),
    step: fc.constantFrom(...LOG_STEPS),
    eValuePpm: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    ejects: fc.boolean(),
    timeMs: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  })
  .map((entry) => ({
    ...entry,
    ...findStep(entry),
    shards: entry.shards.map((layers, i) => ({
      ...{ providerId: entry.providerId, payee: entry.payee, layers, pricePer1kAtomic: BigInt(layers) ** 13n },
      firstLayer: entry.shards.slice(0, i).reduce((sum, count) => sum + count, 0),
    })),
    culprit: entry.verdict === 'reject' && (entry.culprit ?? 4) < entry.shards.length ? entry.culprit : undefined,
    feeAtomic: isBillable(entry.verdict) ? entry.feeAtomic : 0n,
    fineAtomic: entry.verdict === 'abandoned' ? entry.fineAtomic : 0n,
    evidence: entry.verdict === 'reject' && entry.evidence === 'none' ? 'exact' : entry.evidence,
    ejects:
      entry.ejects &&
      (entry.verdict === 'reject' ||
        (['accept', 'inconclusive'].includes(entry.verdict) && entry.evidence === 'statistical')),
  }));

function findStep({ verdict, step, eValuePpm }: Pick<VerdictEntry, 'verdict' | 'step' | 'eValuePpm'>) {
  const isPossible = isJudged(verdict) && (step !== 'late' || verdict === 'reject');
  const possible = isPossible ? step : 'none';
  return { step: possible, eValuePpm: possible === 'reply' ? eValuePpm : 0 };
}

const fields: VerdictFields = {
  replyId: new Uint8Array(16).fill(1),
  recordHash: new Uint8Array(32).fill(2),
  providerId: new Uint8Array(32).fill(3),
  payee: new Uint8Array(20).fill(4),
  verdict: 'accept',
  evidence: 'statistical',
  feeAtomic: 42n,
  fineAtomic: 0n,
  payer: new Uint8Array(20).fill(5),
  router: new Uint8Array(20).fill(6),
  verifiers: [
    { verifierId: new Uint8Array(32).fill(7), payee: new Uint8Array(20).fill(10), outcome: 'credited', tokens: 321 },
  ],
  beaconEpoch: 9n,
  evidenceHash: new Uint8Array(32).fill(8),
  step: 'reply',
  eValuePpm: 102_040,
  ejects: false,
  timeMs: 1_700_000_000_000,
};
const logName = {
  chainId: 31337n,
  settlement: new Uint8Array(20).fill(0xab),
  validator: new Uint8Array(20).fill(0xaa),
};
const genesis = computeGenesisPosition(nobleCrypto, logName);

function createLog(count: number): { entries: Uint8Array[]; positions: LogPosition[] } {
  const entries: Uint8Array[] = [];
  const positions = [genesis];
  for (let i = 0; i < count; i++) {
    const next = appendVerdict(nobleCrypto, positions[i]!, { ...fields, replyId: new Uint8Array(16).fill(i) });
    entries.push(next.bytes);
    positions.push(next.position);
  }
  return { entries, positions };
}

const noStep = { step: 'none', eValuePpm: 0 } as const;

describe('verdict entry', () => {
  it('round-trips; truncated and longer bytes do not parse', () => {
    fc.assert(
      fc.property(anyEntry, fc.nat(), (entry, cut) => {
        const bytes = encodeVerdictEntry(entry);
        expect(parseVerdictEntry(bytes)).toEqual(entry);
        expect(() => parseVerdictEntry(bytes.subarray(0, cut % bytes.length))).toThrow(ProtocolError);
        expect(() => parseVerdictEntry(concatBytes(bytes, Uint8Array.of(0)))).toThrow(ProtocolError);
      }),
      { seed: 81 },
    );
  });

  it('never parses two byte strings to one entry', () => {
    fc.assert(
      fc.property(anyEntry, fc.nat(), fc.integer({ min: 1, max: 255 }), (entry, at, mask) => {
        const bytes = encodeVerdictEntry(entry);
        bytes[at % bytes.length]! ^= mask;
        try {
          expect(encodeVerdictEntry(parseVerdictEntry(bytes))).toEqual(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { seed: 82 },
    );
  });

  it('refuses contradictions', () => {
    const wrong: Partial<VerdictFields>[] = [
      { verdict: 'reject' },
      { ...noStep, verdict: 'abandoned' },
      { verdict: 'unaudited', step: 'reply' },
      { verdict: 'unjudged', feeAtomic: 0n, step: 'late', eValuePpm: 0 },
      { step: 'none' },
      { step: 'late' },
      { step: 'late', eValuePpm: 0 },
      { verdict: 'reject', feeAtomic: 0n, step: 'late' },
      { eValuePpm: 0.5 },
      { verdict: 'reject', feeAtomic: 0n, evidence: 'none' },
      { ejects: true, evidence: 'exact' },
      { ejects: true, evidence: 'none' },
      { ejects: true, verdict: 'inconclusive', evidence: 'none' },
      { ...noStep, ejects: true, verdict: 'unaudited' },
      { ...noStep, ejects: true, verdict: 'abandoned', feeAtomic: 0n },
      { verifiers: Array.from({ length: 129 }, () => ({ ...fields.verifiers[0]! })) },
      { replyId: new Uint8Array(15) },
      { timeMs: -1 },
      { feeAtomic: 1n << 128n },
      { fineAtomic: 1n },
      { ...noStep, verdict: 'unaudited', evidence: 'none', feeAtomic: 0n, fineAtomic: 1n },
      { ...noStep, verdict: 'unjudged', evidence: 'none', feeAtomic: 0n, fineAtomic: 1n, beaconEpoch: 0n },
      { verdict: 'inconclusive', fineAtomic: 1n },
      { verdict: 'reject', evidence: 'exact', feeAtomic: 0n, fineAtomic: 1n },
    ];
    for (const change of wrong) {
      expect(() => appendVerdict(nobleCrypto, genesis, { ...fields, ...change })).toThrow(ProtocolError);
    }
  });

  it('has a fine for an audit without an accept, unless the reply is paid or proven false', () => {
    const unjudged = { ...noStep, verdict: 'unjudged', evidence: 'none' } as const;
    for (const change of [
      unjudged,
      { verdict: 'inconclusive' },
      { verdict: 'reject', step: 'late', eValuePpm: 0 },
    ] as const) {
      const unpaid = { ...fields, ...change, feeAtomic: 0n, fineAtomic: 9n };
      expect(parseVerdictEntry(appendVerdict(nobleCrypto, genesis, unpaid).bytes)).toMatchObject({ fineAtomic: 9n });
    }
  });

  it('ejects by a reject, or by all evidence about a provider together', () => {
    for (const change of [{}, { verdict: 'inconclusive' }, { verdict: 'reject', feeAtomic: 0n }] as const) {
      const { bytes } = appendVerdict(nobleCrypto, genesis, { ...fields, ...change, ejects: true });
      expect(parseVerdictEntry(bytes)).toMatchObject({ ...change, ejects: true });
    }
  });

  it('names the shards of a cohort, which its provider leads and which tile the model', () => {
    const { providerId, payee } = fields;
    const other = { providerId: new Uint8Array(32).fill(9), payee: new Uint8Array(20).fill(9) };
    const first = { ...other, firstLayer: 0, layers: 10, pricePer1kAtomic: 7n };
    const lead = { providerId, payee, firstLayer: 10, layers: 2, pricePer1kAtomic: 2n ** 128n - 1n };
    const { bytes } = appendVerdict(nobleCrypto, genesis, { ...fields, shards: [first, lead] });
    expect(parseVerdictEntry(bytes).shards).toEqual([first, lead]);
    const wrong = [
      [first],
      [lead],
      [lead, first],
      [first, { ...lead, firstLayer: 11 }],
      [first, { ...lead, providerId: other.providerId }],
      [first, { ...lead, payee: other.payee }],
      [first, { ...lead, layers: 0 }],
      [first, { ...lead, pricePer1kAtomic: 2n ** 128n }],
    ];
    for (const shards of wrong) {
      expect(() => appendVerdict(nobleCrypto, genesis, { ...fields, shards })).toThrow(ProtocolError);
    }
  });

  it('names the shard that a reject is about, and a payee except in a correction', () => {
    const { providerId, payee } = fields;
    const first = { providerId: new Uint8Array(32).fill(9), payee: new Uint8Array(20).fill(9), layers: 10 };
    const shards = [
      { ...first, firstLayer: 0, pricePer1kAtomic: 7n },
      { providerId, payee, firstLayer: 10, layers: 2, pricePer1kAtomic: 1n },
    ];
    const reject = { ...fields, shards, verdict: 'reject', evidence: 'exact', feeAtomic: 0n, ejects: true } as const;
    const nobody = new Uint8Array(20);
    for (const change of [{ culprit: 0 }, { culprit: 1 }, { culprit: 0, payee: nobody }] as const) {
      const { bytes } = appendVerdict(nobleCrypto, genesis, { ...reject, ...change });
      expect(parseVerdictEntry(bytes)).toMatchObject({ ...change, shards });
    }
    for (const change of [
      { culprit: 2 },
      { culprit: 0, shards: [] },
      { culprit: 64 },
      { payee: nobody },
      { culprit: 0, verdict: 'accept', evidence: 'statistical', ejects: false },
      { culprit: 0, verdict: 'inconclusive', evidence: 'statistical', ejects: false },
    ] as const) {
      expect(() => appendVerdict(nobleCrypto, genesis, { ...reject, ...change })).toThrow(ProtocolError);
    }
  });

  it('fits a signer message, with any number of silent verifiers and any cohort', () => {
    const silent = { ...{ verifierId: new Uint8Array(32), payee: new Uint8Array(20) }, halfHour: 2 ** 32 - 1 };
    const verifiers = Array.from({ length: 128 }, () => ({ ...silent, outcome: 'silent' as const }));
    const { providerId, payee } = fields;
    const one = { providerId, payee, layers: 1, pricePer1kAtomic: 1n };
    const shards = Array.from({ length: 64 }, (_, firstLayer) => ({ ...one, firstLayer }));
    const { bytes } = appendVerdict(nobleCrypto, genesis, { ...fields, verifiers, shards });
    expect(bytes.length).toBeGreaterThan(12_000);
    expect(bytes.length).toBeLessThanOrEqual(MAX_ENTRY_BYTES);
  });

  it('matches the vectors', () => {
    expect(toHex(genesis.head)).toBe(vectors.genesis);
    const { entries, positions } = createLog(1);
    expect(entries.map(toHex)).toEqual(vectors.entries.slice(0, 1));
    expect(positions.slice(1).map(({ head }) => toHex(head))).toEqual(vectors.heads.slice(0, 1));
    const read = verifyChain(nobleCrypto, { from: genesis, entries: vectors.entries.map((hex) => fromHex(hex)) });
    expect([read.ok, toHex(read.position.head)]).toEqual([true, vectors.heads.at(-1)]);
    const [, , last, abandoned] = read.entries as [VerdictEntry, VerdictEntry, VerdictEntry, VerdictEntry];
    expect(abandoned).toMatchObject({ verdict: 'abandoned', fineAtomic: 17n, feeAtomic: 0n });
    expect(last.verifiers.map(({ outcome }) => outcome)).toEqual(['refuted', 'credited', 'silent', 'doubted']);
    expect(last.verifiers.at(2)).toMatchObject({ outcome: 'silent', halfHour: 944_444 });
    expect(listVerifierIds(last, 'refuted').map(toHex)).toEqual(['0b'.repeat(32)]);
  });
});

describe('log', () => {
  const { entries, positions } = createLog(5);
  const ids = (list: readonly Uint8Array[], from = genesis, expected = positions[5]): string[] =>
    verifyChain(nobleCrypto, { from, entries: list, ...(expected && { expected }) })
      .checks.filter(({ status }) => status === 'fail')
      .map(({ id }) => id);

  it('verifies from genesis and from any known position', () => {
    expect(ids(entries)).toEqual([]);
    expect(ids(entries.slice(2), positions[2])).toEqual([]);
    expect(verifyChain(nobleCrypto, { from: genesis, entries: [] })).toMatchObject({ ok: true, position: genesis });
  });

  it('detects changed, dropped, moved, added and truncated entries', () => {
    const changed = entries.map((bytes) => bytes.slice());
    changed[2]![100]! ^= 1;
    expect(ids(changed)).toEqual(['log-chain']);
    expect(ids(entries.toSpliced(2, 1))).toEqual(['log-chain']);
    expect(ids([entries[1]!, entries[0]!, ...entries.slice(2)])).toEqual(['log-chain']);
    expect(ids(entries.slice(0, 4))).toEqual(['log-head']);
    expect(ids(entries.with(1, fromHex('00')))).toEqual(['log-chain']);
    // The last entry has no successor, so only the head detects its change.
    const last = appendVerdict(nobleCrypto, positions[4]!, { ...fields, feeAtomic: 43n });
    expect(ids(entries.with(4, last.bytes))).toEqual(['log-head']);
  });

  it.each<[string, Partial<typeof logName>]>([
    ['another validator', { validator: new Uint8Array(20).fill(0xbb) }],
    ['the same validator at another settlement contract', { settlement: new Uint8Array(20).fill(0xbb) }],
    ['the same addresses on another chain', { chainId: 1n }],
    ['its validator and contract swapped', { settlement: logName.validator, validator: logName.settlement }],
  ])('does not continue the log of %s', (_, change) => {
    const other = computeGenesisPosition(nobleCrypto, { ...logName, ...change });
    expect(ids(entries, other)).toEqual(['log-chain']);
  });

  it('returns the entries up to the first that fails', () => {
    const verdict = verifyChain(nobleCrypto, { from: genesis, entries: entries.toSpliced(3, 1) });
    expect(verdict.ok).toBe(false);
    expect(verdict.entries).toHaveLength(3);
    expect(verdict.position).toEqual(positions[3]);
  });
});

describe('a correction', () => {
  it('has its own name, which follows from the reply', () => {
    for (const { replyId, correctionId } of vectors.corrections) {
      expect(toHex(computeCorrectionId(fromHex(replyId)))).toBe(correctionId);
      expect(toHex(computeCorrectionId(fromHex(correctionId)))).toBe(replyId);
    }
  });
});
