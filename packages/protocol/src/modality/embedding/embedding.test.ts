import { checkCodec } from '@ogong/testing/protocol/codec-compliance';
import { createSyntheticEmbedding, type SyntheticEmbedding } from '@ogong/testing/synthetic/synthetic-embedding';
import { attested, installTier } from '@ogong/testing/tier/attested-tier';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolError, utf8Encode } from '../../base/bytes.ts';
import type { Check } from '../../base/checks.ts';
import { nobleCrypto as crypto } from '../../crypto/noble.ts';
import type { NamedOrder } from '../../exchange/order.ts';
import { NO_DEMANDS } from '../demands.ts';
import { NO_PREFERENCE } from '../shared/preference-fields.ts';
import { adjudicateEmbedding, checkEmbeddingReport } from './adjudicate.ts';
import { type EmbeddingHeader, encodeEmbeddingHeader, parseEmbeddingHeader } from './header.ts';
import { checkEmbeddingHeader } from './header-checks.ts';
import { type EmbeddingLeaf, encodeEmbeddingLeaf, hashInputTokens, parseEmbeddingLeaf } from './leaf.ts';
import { replayEmbedding } from './replay.ts';
import { type EmbeddingReport, encodeEmbeddingReport, parseEmbeddingReport } from './report.ts';
import { parseEmbeddingRequest } from './request.ts';
import { encodeVector, hasUnitNorm, normaliseVector, parseVector, shortenVector } from './vector.ts';

const honest = createSyntheticEmbedding({ crypto });
const failures = (checks: readonly Check[]): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
const body = (fields: object): Uint8Array => utf8Encode(JSON.stringify(fields));

describe('parseEmbeddingRequest', () => {
  const model = 'ogong/verified/a/b';

  it('reads one text or many, and both formats', () => {
    expect(parseEmbeddingRequest(body({ model, input: 'a', user: 'x' }))).toEqual({
      ...{ endpoint: 'embedding', model, inputs: ['a'], encodingFormat: 'float', demands: NO_DEMANDS },
      ...{ inputCount: 1, promptTokenBound: 17, dimensions: 0, preference: NO_PREFERENCE, dropped: [] },
    });
    const many = parseEmbeddingRequest(body({ model, input: ['a', 'b'], encoding_format: 'base64' }));
    expect(many).toMatchObject({ inputs: ['a', 'b'], encodingFormat: 'base64' });
    const one = parseEmbeddingRequest(body({ model, input: [1, 2], dimensions: 8 }));
    expect(one).toMatchObject({ inputs: [[1, 2]], inputCount: 1, promptTokenBound: 18, dimensions: 8 });
    const mixed = parseEmbeddingRequest(body({ model, input: [[1, 2], 'a', [3]] }));
    expect(mixed).toMatchObject({ inputs: [[1, 2], 'a', [3]], inputCount: 3, promptTokenBound: 52 });
  });

  it.each([
    ['no model', { input: 'a' }, 'model'],
    ['no input', { model }, 'input'],
    ['an empty input', { model, input: '' }, 'input[0]'],
    ['an empty list', { model, input: [] }, 'input'],
    ['too many inputs', { model, input: Array(257).fill('a') }, 'input'],
    ['an input that is too long', { model, input: 'a'.repeat(256 * 1024 + 1) }, 'input[0]'],
    ['no token ids', { model, input: [[1], []] }, 'input[1]'],
    ['a token id below zero', { model, input: [1, -2] }, 'input[0]'],
    ['token ids that are no integers', { model, input: [[1], [2.5]] }, 'input[1]'],
    ['a list of lists of lists', { model, input: [[[1]]] }, 'input[0]'],
    ['too many token ids', { model, input: [Array(256 * 1024 + 1).fill(1)] }, 'input[0]'],
    ['a lone surrogate', { model, input: ['a', '\ud800'] }, 'input[1]'],
    ['no dimensions', { model, input: 'a', dimensions: 0 }, 'dimensions'],
    ['too many dimensions', { model, input: 'a', dimensions: 16_375 }, 'dimensions'],
    ['half a dimension', { model, input: 'a', dimensions: 1.5 }, 'dimensions'],
    ['another format', { model, input: 'a', encoding_format: 'int8' }, 'encoding_format'],
    ['an unknown demand', { model, input: 'a', ogong: { made_up: 1 } }, 'ogong.made_up'],
  ])('refuses %s', (_what, fields, param) => {
    expect(() => parseEmbeddingRequest(body(fields))).toThrow(expect.objectContaining({ name: 'RequestError', param }));
  });
});

describe('vectors', () => {
  it('have length one after normalisation, for any scale, and one spelling of zero', () => {
    for (const scale of [1e-30, 1e-3, 1, 1e30]) {
      const vector = normaliseVector(Float32Array.of(3 * scale, -4 * scale, -0));
      expect(hasUnitNorm(vector)).toBe(true);
      expect([...vector].map((value) => value.toFixed(5))).toEqual(['0.60000', '-0.80000', '0.00000']);
      expect(Object.is(vector[2], 0)).toBe(true);
    }
  });

  it.each([
    ['zeros', [0, -0]],
    ['an infinity', [1, Number.POSITIVE_INFINITY]],
    ['not a number', [1, Number.NaN]],
  ])('of %s have no direction', (_what, values) => {
    expect(() => normaliseVector(Float32Array.from(values))).toThrow(/no direction/);
  });

  it('are shortened to their first values, with length one again', () => {
    const vector = normaliseVector(Float32Array.of(3, 4, 12));
    expect(shortenVector(vector, 0)).toBe(vector);
    expect(shortenVector(vector, 3)).toBe(vector);
    expect([...shortenVector(vector, 2)].map((value) => value.toFixed(5))).toEqual(['0.60000', '0.80000']);
    expect(() => shortenVector(normaliseVector(Float32Array.of(0, 1)), 1)).toThrow(/no direction/);
  });

  it('round-trip, and no other bytes parse', () => {
    const vector = normaliseVector(Float32Array.of(1, 2, 3));
    expect(parseVector(encodeVector(vector))).toEqual(vector);
    for (const bad of [[Number.NaN], [Number.NEGATIVE_INFINITY], [-0]])
      expect(() => parseVector(encodeVector(bad))).toThrow(/value 0/);
    expect(() => parseVector(new Uint8Array(6))).toThrow(/no vector/);
  });

  it('are shown by JSON without loss', () => {
    for (const { vector } of honest.leaves)
      expect(encodeVector(JSON.parse(JSON.stringify([...vector])) as number[])).toEqual(encodeVector(vector));
  });
});

describe('formats', () => {
  const size = { dimensions: honest.header.embeddingSize, directions: honest.header.sketchDirections };

  it('round-trip', () => {
    expect(parseEmbeddingHeader(encodeEmbeddingHeader(honest.header))).toEqual(honest.header);
    expect(parseEmbeddingReport(encodeEmbeddingReport(honest.report))).toEqual(honest.report);
    for (const leaf of honest.leaves) expect(parseEmbeddingLeaf(encodeEmbeddingLeaf(leaf), size)).toEqual(leaf);
  });

  it.each([
    ['no tokens', { tokenCount: 0 }],
    ['too many tokens', { tokenCount: 2 ** 20 + 1 }],
  ])('refuse a leaf of %s', (_what, bent) => {
    expect(() => encodeEmbeddingLeaf({ ...(honest.leaves[0] as EmbeddingLeaf), ...bent })).toThrow(/tokens/);
  });

  it.each([
    ['no vectors', { vectorCount: 0 }],
    ['too many vectors', { vectorCount: 257 }],
    ['no values', { embeddingSize: 0 }],
    ['values that no leaf holds', { embeddingSize: 16_375 }],
    ['odd directions', { sketchDirections: 9 }],
    ['too many parts', { parts: Array(10).fill(new Uint8Array(32)) }],
    ['output tokens', { outputTokenCount: 1 as 0 }],
  ])('refuse a header of %s', (_what, bent) => {
    expect(() => encodeEmbeddingHeader({ ...honest.header, ...bent })).toThrow(ProtocolError);
  });

  const [input] = honest.report.inputs as [EmbeddingReport['inputs'][number]];
  const sketched = (values: number[], exponent = 0) => [
    { ...input, sketch: { exponent, values: Int16Array.from(values) } },
  ];
  it.each([
    ['too many inputs', { inputs: Array(257).fill(input) }],
    ['odd directions', { sketchDirections: 9, inputs: [] }],
    ['sketches of other directions', { sketchDirections: 24 }],
    ['a sketch without directions', { inputs: sketched([]) }],
    ['a sketch value beyond 12 bits', { inputs: sketched(Array(16).fill(2048)) }],
    ['a scale beyond 8 bits', { inputs: sketched(Array(16).fill(1), 128) }],
  ])('refuse a report of %s', (_what, bent) => {
    expect(() => encodeEmbeddingReport({ ...honest.report, ...bent })).toThrow(ProtocolError);
  });

  const ofBytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const u32 = fc.nat(2 ** 31 - 1);
  const anySketch = (directions: number) =>
    fc.record({
      exponent: fc.integer({ min: -127, max: 127 }),
      values: fc
        .array(fc.integer({ min: -2047, max: 2047 }), { minLength: directions, maxLength: directions })
        .map((values) => Int16Array.from(values)),
    });
  const anyReport = fc.constantFrom(8, 16, 256).chain((directions) =>
    fc.record({
      jobId: ofBytes(16),
      modelRoot: ofBytes(32),
      numericClass: fc.string({ maxLength: 40 }),
      exact: fc.boolean(),
      vocabularyHash: ofBytes(32),
      embeddingSize: u32,
      sketchDirections: fc.constant(directions),
      elapsedMs: u32,
      inputs: fc.array(
        fc.record({ tokenCount: u32, tokensHash: ofBytes(32), vectorHash: ofBytes(32), sketch: anySketch(directions) }),
        { maxLength: 3 },
      ),
    }),
  );
  const anyHeader = fc.record({
    orderHash: ofBytes(32),
    endpoint: fc.constant('embedding' as const),
    tier: fc.string({ maxLength: 8 }),
    method: fc.string({ maxLength: 8 }),
    numericClass: fc.string({ maxLength: 40 }),
    vocabularyHash: ofBytes(32),
    embeddingSize: fc.integer({ min: 1, max: 16_374 }),
    sketchDirections: fc.constantFrom(8, 16, 256),
    sketchBankSeed: ofBytes(32),
    choice: fc.nat(255),
    promptTokensHash: ofBytes(32),
    promptTokenCount: u32,
    outputTokenCount: fc.constant(0 as const),
    vectorCount: fc.integer({ min: 1, max: 256 }),
    longestInput: u32,
    parts: fc.array(ofBytes(32), { maxLength: 9 }).filter(({ length }) => length !== 1),
    payee: ofBytes(20),
  });

  it('have one encoding of a header', () => checkCodec(anyHeader, encodeEmbeddingHeader, parseEmbeddingHeader));
  it('have one encoding of a report', () => checkCodec(anyReport, encodeEmbeddingReport, parseEmbeddingReport));
});

describe('stage 1', () => {
  const replay = ({ record, opening }: Pick<SyntheticEmbedding, 'record' | 'opening'>) =>
    replayEmbedding(crypto, record, opening).checks;
  /** Creates a provider that signs made-up data. Header and record match the leaves as far as possible. */
  const forge = (leaves: readonly EmbeddingLeaf[], header: Partial<EmbeddingHeader> = {}) => {
    const promptTokenCount = leaves.reduce((sum, { tokenCount }) => sum + tokenCount, 0);
    const longestInput = Math.max(...leaves.map(({ tokenCount }) => tokenCount));
    const bytes = encodeEmbeddingHeader({
      ...honest.header,
      ...{
        promptTokensHash: hashInputTokens(crypto, leaves),
        promptTokenCount,
        vectorCount: leaves.length,
        longestInput,
      },
      ...header,
    });
    return { ...honest, opening: { ...honest.opening, header: bytes, leaves: leaves.map(encodeEmbeddingLeaf) } };
  };
  const bend = (index: number, change: (leaf: EmbeddingLeaf) => EmbeddingLeaf): EmbeddingLeaf[] =>
    honest.leaves.map((leaf, i) => (i === index ? change(leaf) : leaf));

  it('computes nothing for more vectors than may be served', () => {
    const { header, opening, record } = honest;
    const [leaf] = opening.leaves as [(typeof opening.leaves)[number]];
    const most = Math.floor((1024 * 1024) / (4 * header.embeddingSize));
    const check = (count: number) =>
      replayEmbedding(crypto, record, { ...opening, leaves: Array(count).fill(leaf) }).checks[0];
    expect(check(most)).toMatchObject({ id: 'commitment-form', status: 'pass' });
    expect(check(most + 1)).toMatchObject({ id: 'commitment-form', status: 'fail' });
  });

  it('passes an honest reply in every check', () => {
    expect(replay(honest).map(({ id, status }) => `${id} ${status}`)).toEqual([
      ...['commitment-form pass', 'posture pass', 'token-count pass', 'vectors pass', 'unit-norm pass', 'sketch pass'],
    ]);
  });

  it.each([
    ['a vector less', forge(honest.leaves.slice(1)), ['token-count', 'vectors']],
    ['inputs in another order', forge([...honest.leaves].reverse()), ['vectors']],
    [
      'another vector than was served',
      forge(bend(1, (leaf) => ({ ...(honest.leaves[0] as EmbeddingLeaf), tokenCount: leaf.tokenCount }))),
      ['vectors'],
    ],
    ['tokens with another hash', forge(honest.leaves, { promptTokensHash: new Uint8Array(32) }), ['token-count']],
    ['a longest input that is none', forge(honest.leaves, { longestInput: 3 }), ['token-count']],
    ['tokens with another count', forge(honest.leaves, { promptTokenCount: 1000 }), ['token-count']],
    [
      'a vector that is longer',
      forge(bend(0, (leaf) => ({ ...leaf, vector: leaf.vector.map((v) => 1.001 * v) }))),
      ['vectors', 'unit-norm', 'sketch'],
    ],
    ['a sketch of another bank', forge(honest.leaves, { sketchBankSeed: new Uint8Array(32) }), ['sketch']],
    [
      'a sketch that is off by one',
      forge(
        bend(2, (leaf) => ({
          ...leaf,
          sketch: { ...leaf.sketch, values: leaf.sketch.values.map((v, j) => (j === 3 ? v + 1 : v)) },
        })),
      ),
      ['sketch'],
    ],
    ['a tier that its method does not check', forge(honest.leaves, { method: 'exact-replay' }), ['posture']],
    [
      'a header of another kind',
      { ...honest, opening: { ...honest.opening, header: utf8Encode('ogong-header-v2\n') } },
      ['commitment-form'],
    ],
    [
      'a leaf that is cut',
      {
        ...honest,
        opening: {
          ...honest.opening,
          leaves: honest.opening.leaves.map((leaf) => ({ ...leaf, values: leaf.values.slice(4) })),
        },
      },
      ['commitment-form'],
    ],
  ])('fails for %s', (_what, forged, ids) => {
    expect(failures(replay(forged))).toEqual(ids);
  });
});

describe('the header', () => {
  it('names no longer input than the context of the order holds', () => {
    const { header, response } = honest;
    const inputs = Array.from({ length: header.vectorCount }, () => 'a');
    const request = parseEmbeddingRequest(body({ model: 'ogong/verified/a/b', input: inputs }));
    const failed = (contextSize: number): string[] => {
      const { payee, orderHash } = header;
      const order = { choice: 0, payee, orderHash, contextSize } as NamedOrder;
      const context = { order, request, response, beacon: undefined, mayBeCancelled: false };
      return failures(checkEmbeddingHeader(crypto, header, context));
    };
    expect(failed(header.longestInput)).toEqual([]);
    expect(failed(header.longestInput - 1)).toEqual(['context']);
  });

  it('names as many values of a vector as the request', () => {
    const { header, response } = honest;
    const { payee, orderHash, vectorCount, embeddingSize } = header;
    const input = Array.from({ length: vectorCount }, () => 'a');
    const failed = (dimensions: number): string[] => {
      const request = parseEmbeddingRequest(body({ model: 'ogong/verified/a/b', input, dimensions }));
      const order = { choice: 0, payee, orderHash, contextSize: header.longestInput } as NamedOrder;
      return failures(
        checkEmbeddingHeader(crypto, header, { order, request, response, beacon: undefined, mayBeCancelled: false }),
      );
    };
    expect(failed(embeddingSize)).toEqual([]);
    expect(failed(embeddingSize - 1)).toEqual(['inputs']);
  });
});

describe('stage 2', () => {
  const { report } = honest;
  const claim = { modelRoot: report.modelRoot, header: honest.header, leaves: honest.leaves };
  const bendInput = (index: number, change: Partial<EmbeddingReport['inputs'][number]>): EmbeddingReport => ({
    ...report,
    inputs: report.inputs.map((input, i) => (i === index ? { ...input, ...change } : input)),
  });

  it('accepts the report of an honest verifier, and no report on another job', () => {
    const shape = (bent: Partial<EmbeddingReport>) =>
      checkEmbeddingReport({ ...report, ...bent }, { ...claim, jobId: report.jobId }).status;
    expect(shape({})).toBe('pass');
    expect(shape({ jobId: new Uint8Array(16) })).toBe('fail');
    expect(shape({ modelRoot: new Uint8Array(32) })).toBe('fail');
    expect(shape({ inputs: report.inputs.slice(1) })).toBe('fail');
    expect(shape({ sketchDirections: 24 })).toBe('fail');
  });

  it('accepts equal bits, and rejects one value that differs in its last bit', () => {
    expect(adjudicateEmbedding(crypto, claim, report)).toMatchObject({ outcome: 'accept' });
    const vector = (honest.leaves[1] as EmbeddingLeaf).vector.slice();
    new Uint32Array(vector.buffer)[5]! ^= 1;
    const verdict = adjudicateEmbedding(
      crypto,
      claim,
      bendInput(1, { vectorHash: crypto.sha256(encodeVector(vector)) }),
    );
    expect([verdict.outcome, failures(verdict.checks)]).toEqual(['reject', ['equality']]);
  });

  it.each([
    ['a truncated input', bendInput(0, { tokenCount: 40 }), 'prompt-tokens'],
    ['other tokens', bendInput(2, { tokensHash: new Uint8Array(32) }), 'prompt-tokens'],
    ['another vocabulary', { ...report, vocabularyHash: new Uint8Array(32) }, 'vocabulary'],
    ['vectors of another size', { ...report, embeddingSize: 25 }, 'vocabulary'],
  ])('rejects %s in any class', (_what, bent, id) => {
    for (const exact of [true, false]) {
      const verdict = adjudicateEmbedding(crypto, claim, { ...bent, exact });
      expect([verdict.outcome, failures(verdict.checks)]).toEqual(['reject', [id]]);
    }
  });

  it.each([
    ['the same vectors', 0, 'accept'],
    ['a little drift', 0.001, 'accept'],
    ['more than honest drift', 0.01, 'inconclusive'],
    ['another precision', 0.5, 'reject'],
  ])('decides by distance if classes differ: %s', (_what, noise, outcome) => {
    const other = createSyntheticEmbedding({ crypto, noise, numericClass: 'fake-1/js/f64/fast/hash/kv-none' });
    const verdict = adjudicateEmbedding(crypto, claim, other.report);
    expect(verdict.outcome).toBe(outcome);
    expect(verdict.checks.find(({ id }) => id === 'equality')?.status).toBe('skip');
  });

  it('leaves open only the results that a third tier does not admit', () => {
    const uninstall = installTier(attested);
    try {
      const own = createSyntheticEmbedding({ crypto, tier: attested.name });
      const served = { modelRoot: report.modelRoot, header: own.header, leaves: own.leaves };
      const judge = (noise: number, exact: boolean) =>
        adjudicateEmbedding(crypto, served, { ...createSyntheticEmbedding({ crypto, noise }).report, exact });
      expect(judge(0, false).outcome).toBe('accept');
      expect(judge(0.5, true).outcome).toBe('reject');
      const held = judge(0.5, false);
      expect([held.outcome, held.checks.at(-1)?.id]).toEqual(['inconclusive', attested.name]);
    } finally {
      uninstall();
    }
  });

  it('never confirms a reply of tier replay from another class', () => {
    const replayed = createSyntheticEmbedding({ crypto, tier: 'replay' });
    const own = { modelRoot: report.modelRoot, header: replayed.header, leaves: replayed.leaves };
    expect(adjudicateEmbedding(crypto, own, replayed.report).outcome).toBe('accept');
    const foreign = { ...replayed.report, exact: false };
    expect(adjudicateEmbedding(crypto, own, foreign).outcome).toBe('inconclusive');
  });
});
