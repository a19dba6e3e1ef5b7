import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
import { createTestCohort } from '@ogong/testing/validator/test-cohort';
import { type BendRows, createTestEdges, reportTestEdges, type TestEdges } from '@ogong/testing/validator/test-edges';
import { createTestHybrid, createTestLedgerSigner } from '@ogong/testing/validator/test-keys';
import { describe, expect, it } from 'vitest';
import type { EdgeValues } from '../../../commitment/edge-values.ts';
import {
  encodeOpening as encode,
  type OpenedPrompt,
  type Opening,
  parseOpening,
  type WindowBytes,
} from '../../../commitment/opening.ts';
import { createNobleEd25519Signer, nobleCrypto as crypto } from '../../../crypto/noble.ts';
import type { CohortMember } from '../../../settlement/cohort-agreement.ts';
import { type OpenedReply, openReply } from '../../../verdict/opened-reply.ts';
import type { VerifierReport } from '../../modality.ts';
import { parseHeader } from '../commitment/header.ts';
import { toExpectedReport } from '../honeypot-check.ts';
import { readTextClaim } from '../scored-reply.ts';
import { encodeScoreReport, type ScoreReport } from './score-report.ts';

const provider = createTestHybrid('provider');
const payer = createTestLedgerSigner(new Uint8Array(32).fill(2));
const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) };
const draw = new Uint8Array(32);
const fill = (value: number): Uint8Array => new Uint8Array(32).fill(value);
const jobId = new Uint8Array(16).fill(8);
const OTHER = 'other-1/js/f64/exact/hash/kv-none';

/** Moves each row by a share of its length. */
const move =
  (share: number): BendRows =>
  (value, i) =>
    value * (1 + (i % 2 === 0 ? share : -share));
/** Changes a value by less than its sketch shows. */
const nudge: BendRows = (value, i) => (i === 70 ? value + 2 ** -20 : value);

interface Case extends Partial<Omit<TestEdges, 'orderHash'>> {
  /** Classes of the members by place. */
  readonly classes?: Readonly<Record<number, string>>;
}

/** A reply of three shards, and what a verifier of the whole model reports about it. */
function serve({ classes = {}, ...edges }: Case = {}) {
  const plain = createSyntheticReply({ crypto, provider, payer, ledger });
  const { order } = plain;
  const { terms } = createTestCohort({ provider, ledger, order: { fields: order, request: plain.request } });
  const members = terms.members.map(
    (one, place): CohortMember => ({ ...one, numericClass: classes[place] ?? one.numericClass }),
  );
  const cohort = { ...terms, members };
  const reply = createSyntheticReply({
    ...{ crypto, provider, payer, ledger },
    bend: { edges: createTestEdges({ orderHash: order.orderHash, ...edges }) },
  });
  const opened = openReply(crypto, reply.record, reply.openingBytes) as OpenedReply;
  const { header, opening, record } = reply;
  const { edges: layers = [] } = readTextClaim(opened.reply.describeJob('chat', draw, cohort));
  const report = (change: Partial<ScoreReport> = {}): ScoreReport => ({
    ...toExpectedReport(record, header, opening),
    ...{ jobId, contextSize: 4096 },
    edges: reportTestEdges(reply, layers),
    ...change,
  });
  const read = (change: Partial<ScoreReport> = {}) =>
    opened.reply.readReport(encodeScoreReport(report(change)), { jobId, draw, contextSize: 4096, cohort });
  const judge = (change: Partial<ScoreReport> = {}) => {
    const { outcome, culprit, fault, checks } = (read(change) as VerifierReport).weigh({});
    const failed = checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
    return { outcome, culprit, isExact: fault !== undefined, failed, fault };
  };
  return { reply, opened, layers, report, read, judge };
}
/** Changes bytes of the sketch of the first window. */
function bendSketch({ windows: [first, ...others] }: Opening, from: number, to = Infinity): WindowBytes[] {
  const { draws, sketch } = first as WindowBytes;
  return [{ draws, sketch: sketch.map((byte, i) => (i >= from && i < to ? byte ^ 1 : byte)) }, ...others];
}

describe('an opening with the edges of a cohort', () => {
  const { reply, opened } = serve();
  const open = (change: Partial<Opening>): OpenedReply['outcome'] | undefined =>
    openReply(crypto, reply.record, encode({ ...reply.opening, ...change }))?.outcome;

  it('is consistent, and has one encoding', () => {
    expect(opened.outcome).toBe('consistent');
    expect(parseOpening(reply.openingBytes)).toEqual(reply.opening);
    expect(opened.reply.checks.filter(({ id }) => id.startsWith('boundary')).map(({ status }) => status)).toEqual([
      'pass',
      'pass',
      'pass',
    ]);
  });

  it.each([
    ['no edges', []],
    ['an edge too few', reply.opening.edges?.slice(1)],
    ['an edge too many', [...(reply.opening.edges ?? []), reply.opening.edges?.[0]]],
    ['edges in another order', [...(reply.opening.edges ?? [])].reverse()],
    [
      'another blob of rows',
      bendFirst(reply.opening, (edge) => ({ ...edge, rows: { ...edge.rows, root: new Uint8Array(32) } })),
    ],
    [
      'another sketch',
      bendFirst(reply.opening, (edge) => ({
        ...edge,
        sketches: [edge.sketches[0], edge.sketches[1]?.map((b, i) => (i === 9 ? b ^ 1 : b))] as Uint8Array[],
      })),
    ],
  ] as [string, EdgeValues[]][])('opens nothing with %s', (_, edges) => expect(open({ edges })).toBe('nothing'));

  const { prompt } = reply.opening as { prompt: OpenedPrompt };
  it.each([
    ['no prompt', undefined],
    ['another blind of the prompt', { ...prompt, blind: new Uint8Array(32) }],
    ['another token of the prompt', { ...prompt, tokens: prompt.tokens.with(3, 9) }],
    ['a token outside the vocabulary', { ...prompt, tokens: prompt.tokens.with(0, 9) }],
    ['half a token', { ...prompt, tokens: prompt.tokens.slice(2) }],
    ['a prompt without tokens', { ...prompt, tokens: new Uint8Array() }],
  ])('opens nothing with %s', (_, shown) => expect(open({ prompt: shown })).toBe('nothing'));

  it('opens nothing with a prompt that no first shard received', () => {
    const whole = createSyntheticReply({ crypto, provider, payer, ledger });
    for (const { record, opening } of [whole, serve({ unsigned: [0] }).reply]) {
      expect(openReply(crypto, record, encode(opening))?.outcome).toBe('consistent');
      expect(openReply(crypto, record, encode({ ...opening, prompt }))?.outcome).toBe('nothing');
    }
  });

  it.each([
    ['other tokens than the reply has', { 0: fill(1) }],
    ['other rows than the shard before it signed', { 1: fill(1) }],
  ])('refutes a record that lists the root of a shard that received %s', (_, inputs) => {
    const { opened } = serve({ inputs });
    expect(opened.outcome).toBe('refuted');
    const failed = opened.reply.checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
    expect(failed).toEqual(['boundary-inputs']);
  });

  it('compares a root with nothing if the root before it is missing', () =>
    expect(serve({ unsigned: [0], inputs: { 1: fill(1) } }).opened.outcome).toBe('consistent'));

  it.each([
    ['about a position too few', { promptTokenCount: 2 }],
    ['about a position too many', { promptTokenCount: 4 }],
    ['about rows of another width', { embeddingSize: 32 }],
  ] as [string, object][])('refutes a record that lists roots %s', (_, sizes) => {
    const { order } = reply;
    const make = createTestEdges({ orderHash: order.orderHash });
    const bent = createSyntheticReply({
      ...{ crypto, provider, payer, ledger },
      bend: { edges: (plain, ...given) => make({ ...plain, ...sizes }, ...given) },
    });
    const found = openReply(crypto, bent.record, bent.openingBytes);
    expect(found?.outcome).toBe('refuted');
    expect(found?.reply.checks.filter(({ status }) => status === 'fail').map(({ id }) => id)).toContain(
      'boundary-form',
    );
  });
});

function bendFirst({ edges = [] }: Opening, bend: (edge: EdgeValues) => EdgeValues): EdgeValues[] {
  const [first, ...others] = edges;
  return [bend(first as EdgeValues), ...others];
}

describe('the job of a reply that a cohort served', () => {
  it('names the edges behind each shard but the last', () => expect(serve().layers).toEqual([3, 7]));
  it('leaves out a shard without a root, and one whose root another key signed', () => {
    expect(serve({ unsigned: [0] }).layers).toEqual([7]);
    expect(serve({ signers: { 1: createNobleEd25519Signer(new Uint8Array(32)) } }).layers).toEqual([3]);
  });
  it('shows no root to the verifier', () => {
    const { opened } = serve();
    const { header } = opened.reply.describeJob('chat', draw);
    expect(parseHeader(header).boundaries).toEqual([]);
  });
});

describe('edges in the exact class of all shards', () => {
  it('accept an honest cohort', () => expect(serve().judge()).toMatchObject({ outcome: 'accept', culprit: undefined }));

  it.each([
    ['a bit of the first shard, whose later rows differ too', { bend: { 0: nudge, 1: move(0.2) } }, 0],
    ['a bit of the second shard', { bend: { 1: nudge } }, 1],
    ['all rows of the second shard', { bend: { 1: move(0.2) } }, 1],
  ] as [string, Case, number][])('name the shard for %s, whatever the windows are', (_, edges, culprit) => {
    const { judge, reply } = serve(edges);
    const windows = bendSketch(reply.opening, 4);
    for (const change of [{}, { windows }])
      expect(judge(change)).toMatchObject({ outcome: 'reject', culprit, isExact: true, failed: ['boundary'] });
    // Two verifiers agree to the bit although windows behind the edge differ.
    expect(judge({ windows }).fault?.seen).toEqual(judge({ elapsedMs: 9, contextSize: 5000 }).fault?.seen);
  });

  it('name no shard for windows of the leader', () => {
    const { judge, reply } = serve();
    const windows = bendSketch(reply.opening, 4);
    expect(judge({ windows })).toMatchObject({
      ...{ outcome: 'reject', culprit: undefined, isExact: true, failed: ['equality'] },
    });
  });

  it('name the leader for rows behind a shard that signed no root', () => {
    expect(serve({ unsigned: [0] }).judge()).toMatchObject({ outcome: 'accept' });
    expect(serve({ unsigned: [0], bend: { 1: nudge } }).judge()).toMatchObject({
      outcome: 'reject',
      culprit: undefined,
    });
    expect(serve({ unsigned: [1], bend: { 0: nudge } }).judge()).toMatchObject({ outcome: 'reject', culprit: 0 });
  });
});

describe('edges without an exact class', () => {
  const inOther = { exact: false, numericClass: OTHER };

  it.each([
    ['nearly the same rows', 0.01, 'accept', undefined, []],
    ['rows in doubt', 0.03, 'inconclusive', undefined, []],
    ['other rows', 0.1, 'reject', 1, ['boundary']],
  ] as const)('decide by distance about %s', (_, share, outcome, culprit, failed) => {
    expect(serve({ bend: { 1: move(share) } }).judge(inOther)).toMatchObject({
      outcome,
      culprit,
      isExact: false,
      failed,
    });
  });

  it('name the first wrong shard alone, and nobody behind one in doubt', () => {
    expect(serve({ bend: { 0: move(0.1), 1: move(0.2) } }).judge(inOther)).toMatchObject({ culprit: 0 });
    expect(serve({ bend: { 0: move(0.03), 1: move(0.2) } }).judge(inOther)).toMatchObject({
      ...{ outcome: 'inconclusive', culprit: undefined },
    });
  });

  it('decide in the exact class of the leader if a shard before has another class', () => {
    // The first shard is in the class of the report, the second is not.
    const mixed = { classes: { 1: OTHER } };
    expect(serve({ ...mixed, bend: { 0: nudge } }).judge()).toMatchObject({
      outcome: 'reject',
      culprit: 0,
      isExact: true,
    });
    expect(serve({ ...mixed, bend: { 1: nudge } }).judge()).toMatchObject({ outcome: 'accept', isExact: false });
  });

  it('let no bit of the leader decide if rows before it are not equal', () => {
    const { judge, reply } = serve({ classes: { 1: OTHER }, bend: { 1: nudge } });
    const windows = bendSketch(reply.opening, 5, 6);
    expect(judge({ windows })).toMatchObject({ outcome: 'accept' });
  });
});

describe('a report on a job with edges', () => {
  const { read, report, judge } = serve();
  const [first, second] = report().edges as [EdgeValues, EdgeValues];

  it.each([
    ['an edge too few', [first], '1 edges, and the job has 2'],
    ['an edge too many', [first, second, second], '3 edges'],
    [
      'a position too few',
      [
        first,
        {
          ...second,
          positions: 41,
          rows: { ...second.rows, bytes: 41 * 256 },
          sketches: [second.sketches[0], second.sketches[1]?.subarray(0, 2 + 9 * 25)],
        },
      ],
      'edge 1 has 41 positions, not 42',
    ],
    [
      'rows of another width',
      [first, { ...second, rows: { ...second.rows, bytes: 42 * 128 } }],
      'edge 1: rows of 32 values',
    ],
    [
      'bytes that are no sketch',
      [{ ...first, sketches: first.sketches.map((sketch) => new Uint8Array(sketch.length)) }, second],
      'edge 0',
    ],
  ] as [string, EdgeValues[], string][])('is garbage with %s', (_, edges, problem) => {
    expect(read({ edges })).toMatchObject({ problem: expect.stringContaining(problem) });
  });

  it('decides nothing without edges, but for facts that are the same in every class', () => {
    expect(judge({ edges: [] })).toMatchObject({ outcome: 'inconclusive', failed: [] });
    expect(judge({ edges: [], promptTokenCount: 9 })).toMatchObject({
      outcome: 'reject',
      culprit: undefined,
      failed: ['prompt-tokens'],
    });
  });
});
