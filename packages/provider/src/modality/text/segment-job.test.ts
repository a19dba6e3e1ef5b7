import { Code } from '@connectrpc/connect';
import { createGivenRows } from '@ogong/engine/decode/given-rows';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { type BlobRef, computeBlobRoot } from '@ogong/protocol/commitment/blob';
import type { EdgeValues } from '@ogong/protocol/commitment/edge-values';
import { createSketchBank } from '@ogong/protocol/commitment/sketch';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { parseEndorsement } from '@ogong/protocol/exchange/verifier-endorsement';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { encodeValues } from '@ogong/protocol/modality/shared/values';
import { createEdgeHasher } from '@ogong/protocol/modality/text/boundary/edge-hasher';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { parseSegmentReport } from '@ogong/protocol/modality/text/stage2/segment-report';
import { encodeTextClaim, parseTextClaim, type TextClaim } from '@ogong/protocol/modality/text/stage2/text-claim';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeSegment } from '@ogong/testing/engine/fake-segment';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planRequest } from '../../calibration/request-plan.ts';
import { createSampleJob, replaySample, type ServedSample, serveSample } from '../../calibration/sample.ts';
import { createEndorsements } from '../../verifier/endorsements.ts';
import { openJob } from '../../verifier/scorer.ts';
import { describeHeld, type HeldSegment } from './segment-job.ts';

const PROMPT = 5;
const engine = createFakeEngine();
afterAll(() => engine.close());
const { embeddingSize, vocabularySize } = engine.info();
const modelRoot = Uint8Array.from(engine.info().modelRoot);
const shape = { embeddingSize, vocabularySize, contextSize: 256 };
const first = createFakeSegment({ ...shape, place: 'first', weights: 0 });
const second = createFakeSegment({ ...shape, place: 'interior', weights: 1 });
const given = createGivenRows(embeddingSize);
const base = { modelRoot, totalLayers: 6 };
const held: readonly HeldSegment[] = [
  { ...base, firstLayer: 0, layers: 2, scorer: { kind: 'rows', segment: first } },
  { ...base, firstLayer: 2, layers: 3, scorer: { kind: 'rows', segment: second } },
  { ...base, firstLayer: 5, layers: 1, scorer: { kind: 'windows', engine, given } },
];

let whole: ScoreJobMessage;
let header: Header;
let outputTokens: Uint32Array;
beforeAll(async () => {
  const signer = createNodeHybridSigner(new Uint8Array(64).fill(4));
  const request = { seed: 3, body: planRequest({ maxTokens: 40 }, 3) };
  const sample = (await serveSample(request, { engine, crypto, signer })) as ServedSample;
  const { opening, replay } = replaySample(crypto, sample)!;
  header = replay.header as Header;
  outputTokens = Uint32Array.from(replay.outputTokens);
  const jobId = new Uint8Array(16).fill(7);
  whole = createSampleJob(sample, { jobId, modelRoot, blind: opening.blind, header, replay, timeoutMs: 60_000 });
});

/** A job about some layers. */
const jobOf = (
  [firstLayer, layers]: readonly [number, number],
  blobs: readonly Uint8Array[],
  bend: Partial<TextClaim> = {},
): ScoreJobMessage => ({
  ...whole,
  blobs: [...blobs],
  claim: encodeTextClaim({
    ...parseTextClaim(whole.claim),
    segment: { firstLayer, layers, input: refOf(blobs[0] ?? new Uint8Array(4)) },
    ...bend,
  }),
});
const refOf = (bytes: Uint8Array): BlobRef => {
  const { blind } = parseTextClaim(whole.claim);
  return { bytes: bytes.length, root: computeBlobRoot(crypto, blind, bytes) };
};
const listTokens = (): Uint32Array => Uint32Array.from([1, 2, 3, 4, 5, ...outputTokens.subarray(0, -1)]);
const encodeTokens = (tokens: Uint32Array): Uint8Array => new Uint8Array(tokens.slice().buffer);
const makeRows = (): Float32Array =>
  Float32Array.from({ length: listTokens().length * embeddingSize }, (_, i) => Math.sin(i));
const score = (message: ScoreJobMessage, signal = new AbortController().signal): Promise<Uint8Array> =>
  openJob(message, { engines: [], segments: held, crypto }).score(signal);

/** The edge behind a segment. */
async function computeEdge(segment: typeof first, input: Uint32Array | Float32Array): Promise<EdgeValues> {
  const { blind } = parseTextClaim(whole.claim);
  const { sketchDirections: directions } = header;
  const bank = createSketchBank(crypto, { bankSeed: whole.sketchBankSeed, directions, embeddingSize });
  const hasher = createEdgeHasher(crypto, { blind, bank });
  const groups = [{ sequence: 1, position: 0, rows: listTokens().length }];
  const output = await segment.run({ kind: 'score', groups, input });
  await segment.drop(1, 0);
  if (output.kind === 'rows') hasher.push(output.rows);
  return hasher.finish().values;
}

describe('a verifier of some layers', () => {
  it('reports the rows behind its first layers and behind interior ones, also of two jobs at once', async () => {
    const [tokens, rows] = [listTokens(), makeRows()];
    const message = jobOf([0, 2], [encodeTokens(tokens)]);
    const reports = await Promise.all([score(message), score(message), score(jobOf([2, 3], [encodeValues(rows)]))]);
    const [one, same, other] = reports.map((report) => ({ ...parseSegmentReport(report), elapsedMs: 0 }));
    const facts = { jobId: whole.jobId, modelRoot, numericClass: 'fake-class', exact: false, contextSize: 256 };
    expect(one).toEqual({ ...facts, elapsedMs: 0, edge: await computeEdge(first, tokens) });
    expect(same).toEqual(one);
    expect(other?.edge).toEqual(await computeEdge(second, rows));
    const bent = rows.with(9, 0.5);
    const bentReport = parseSegmentReport(await score(jobOf([2, 3], [encodeValues(bent)])));
    expect(bentReport.edge.rows.root).not.toEqual(other?.edge.rows.root);
  });

  it('reports zeros for input that a shard refuses, and for rows that it cannot send', async () => {
    const tokens = listTokens().with(2, vocabularySize);
    const rows = makeRows();
    const overflowing: HeldSegment = {
      ...{ ...base, firstLayer: 2, layers: 2 },
      scorer: {
        kind: 'rows',
        segment: {
          ...second,
          async run(pass) {
            const output = await second.run(pass);
            return output.kind === 'rows' ? { ...output, rows: output.rows.fill(2 ** 121, 3, 4) } : output;
          },
        },
      },
    };
    const jobs = [
      jobOf([0, 2], [encodeTokens(tokens)]),
      jobOf([2, 3], [encodeValues(rows.with(3, Number.NaN))]),
      jobOf([2, 3], [encodeValues(rows.with(3, 2 ** 121))]),
      jobOf([2, 2], [encodeValues(rows)]),
    ];
    for (const message of jobs) {
      const job = openJob(message, { engines: [], segments: [...held, overflowing], crypto });
      const { edge } = parseSegmentReport(await job.score(new AbortController().signal));
      expect(edge.positions).toBe(tokens.length);
      const empty = createEdgeHasher(crypto, {
        blind: parseTextClaim(whole.claim).blind,
        bank: createSketchBank(crypto, {
          ...{ bankSeed: whole.sketchBankSeed, directions: header.sketchDirections, embeddingSize },
        }),
      });
      empty.push(new Float32Array(rows.length));
      expect(edge).toEqual(empty.finish().values);
    }
  });

  it('reports windows of its last layers, and keeps no rows', async () => {
    const report = parseScoreReport(await score(jobOf([5, 1], [encodeValues(makeRows())])));
    expect(report.edges).toEqual([]);
    expect(report.windows).toHaveLength(2);
    const group = { sequence: 0, position: 0, rows: 1 };
    const after = await given.run({ kind: 'score', groups: [group], tokens: Uint32Array.of(1) });
    expect(after).toEqual(new Float32Array(embeddingSize));
  });

  it.each<[string, () => ScoreJobMessage, Code, RegExp]>([
    ['the whole model', () => whole, Code.Unimplemented, /holds layers 0 to 1 of 6 and .*about all of them/],
    ['other layers', () => jobOf([0, 3], [new Uint8Array(4)]), Code.Unimplemented, /about layers 0 to 2/],
    ['another model', () => ({ ...whole, modelRoot: new Uint8Array(32) }), Code.Unimplemented, /no model of root/],
    ['no input', () => jobOf([2, 3], []), Code.InvalidArgument, /one blob, their input; 0 came/],
    ['two inputs', () => jobOf([2, 3], [new Uint8Array(4), new Uint8Array(4)]), Code.InvalidArgument, /2 came/],
    ['a part of a row', () => jobOf([2, 3], [encodeValues(makeRows()).subarray(4)]), Code.InvalidArgument, /no input/],
    [
      'fewer rows than output tokens',
      () => jobOf([2, 3], [encodeValues(makeRows().subarray(0, (outputTokens.length - 1) * embeddingSize))]),
      Code.InvalidArgument,
      /no input/,
    ],
    [
      'other tokens than the output',
      () => jobOf([0, 2], [encodeTokens(listTokens().with(PROMPT + 3, 0))]),
      Code.InvalidArgument,
      /other tokens than the output/,
    ],
    [
      'another size than the claim names',
      () => ({
        ...jobOf([2, 3], [encodeValues(makeRows())]),
        blobs: [encodeValues(makeRows().subarray(embeddingSize))],
      }),
      Code.InvalidArgument,
      /the claim names/,
    ],
    ['edges', () => jobOf([2, 3], [encodeValues(makeRows())], { edges: [2] }), Code.InvalidArgument, /names no edges/],
    ['a malformed claim', () => ({ ...whole, claim: utf8Encode('x') }), Code.InvalidArgument, /this model writes/],
  ])('refuses a job about %s', (_what, make, code, reason) => {
    const open = () => openJob(make(), { engines: [], segments: held, crypto });
    expect(open).toThrow(reason);
    expect(open).toThrow(expect.objectContaining({ code }));
  });

  it('reports the whole windows that have room, or refuses', async () => {
    const scoreIn = (contextSize: number) => {
      const segment = createFakeSegment({ ...shape, contextSize, place: 'first', weights: 0 });
      const segments: HeldSegment[] = [{ ...base, firstLayer: 0, layers: 2, scorer: { kind: 'rows', segment } }];
      // A prompt that fills the context.
      const tokens = Uint32Array.from([...new Uint32Array(100).fill(5), ...listTokens()]);
      const job = openJob(jobOf([0, 2], [encodeTokens(tokens)]), { engines: [], segments, crypto });
      return job.score(new AbortController().signal).then(parseSegmentReport);
    };
    const all = await scoreIn(256);
    expect(all.edge.positions).toBe(100 + listTokens().length);
    const { edge, contextSize } = await scoreIn(99);
    expect([edge.positions, contextSize]).toEqual([96, 99]);
    expect(edge.sketches).toEqual(all.edge.sketches.slice(0, 3));
    await expect(scoreIn(63)).rejects.toMatchObject({ code: Code.Unimplemented });
  });

  it.each<readonly [number, number]>([
    [2, 3],
    [5, 1],
  ])('refuses rows that the claim does not name: layer %i', async (...layers) => {
    const rows = makeRows();
    const message = { ...jobOf(layers, [encodeValues(rows)]), blobs: [encodeValues(rows.with(9, 0.5))] };
    const refused = { code: Code.InvalidArgument, rawMessage: 'the input is not the one that the claim names' };
    await expect(score(message)).rejects.toMatchObject(refused);
  });

  it('gives a job up, and goes on with the next', async () => {
    const message = jobOf([0, 2], [encodeTokens(listTokens())]);
    await expect(score(message, AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
    await score(message);
  });
});

it('a verifier of whole models refuses a job about some layers, and one with both does each', async () => {
  const message = jobOf([0, 2], [encodeTokens(listTokens())]);
  expect(() => openJob(message, { engines: [engine], crypto })).toThrow('scores whole replies');
  const both = { engines: [engine], segments: held, crypto };
  const signal = new AbortController().signal;
  expect(parseSegmentReport(await openJob(message, both).score(signal)).edge.positions).toBe(listTokens().length);
  expect(parseScoreReport(await openJob(whole, both).score(signal)).windows).toHaveLength(2);
});

it('a verifier of some layers endorses the class of their model', () => {
  const providerId = new Uint8Array(32).fill(8);
  const find = createEndorsements([providerId], {
    clock: { nowMs: () => 1_900_000_000_000 },
    signer: createNodeHybridSigner(new Uint8Array(64).fill(4)),
    listEngines: () => held.slice(0, 2).map((one) => ({ info: () => describeHeld(one) })),
  });
  expect(parseEndorsement(find(providerId)?.word as Uint8Array).classes).toEqual([
    { modelRoot, numericClass: 'fake-class' },
  ]);
});
