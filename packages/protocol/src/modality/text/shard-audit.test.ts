import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
import { createTestCohort } from '@ogong/testing/validator/test-cohort';
import { type BendRows, computeTestEdge, createTestEdges, type TestEdges } from '@ogong/testing/validator/test-edges';
import { createTestHybrid, createTestLedgerSigner } from '@ogong/testing/validator/test-keys';
import { describe, expect, it } from 'vitest';
import { createReader, createWriter } from '../../base/bytes.ts';
import { computeBlobRoot } from '../../commitment/blob.ts';
import { nobleCrypto as crypto } from '../../crypto/noble.ts';
import { MAX_ROWS_BYTES } from '../../exchange/limits.ts';
import { type OpenedReply, openReply, readVerifierReport } from '../../verdict/opened-reply.ts';
import { NO_DRAW, type VerifierReport } from '../modality.ts';
import { type AuditedShard, findAuditedShard } from './shard-audit.ts';
import { encodeSegmentReport, type SegmentReport } from './stage2/segment-report.ts';

const provider = createTestHybrid('provider');
const given = {
  ...{ crypto, provider, payer: createTestLedgerSigner(new Uint8Array(32).fill(2)) },
  ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) },
};
const SECOND = { firstLayer: 3, layers: 4 };
const jobId = new Uint8Array(16).fill(8);

/** Moves each row by a share of its length. */
const move =
  (share: number): BendRows =>
  (value, i) =>
    value * (1 + (i % 2 === 0 ? share : -share));

/** A reply of three shards, and the report of a verifier of the second one. */
function serve(edges: Partial<Omit<TestEdges, 'orderHash'>> = {}) {
  const { order, request } = createSyntheticReply(given);
  const { terms } = createTestCohort({ provider, ledger: given.ledger, order: { fields: order, request } });
  const make = createTestEdges({ orderHash: order.orderHash, ...edges });
  const reply = createSyntheticReply({ ...given, bend: { edges: make } });
  const { header, opening, record, outputTokens } = reply;
  const opened = openReply(crypto, record, reply.openingBytes) as OpenedReply;
  const { numericClass } = header;
  const { root: _root, ...edge } = computeTestEdge(header, opening.blind, { place: 1 });
  const honest: SegmentReport = {
    ...{ jobId, modelRoot: record.modelRoot, numericClass, exact: true, contextSize: 4096, elapsedMs: 1, edge },
  };
  const job = { jobId, draw: NO_DRAW, contextSize: 4096, cohort: terms, segment: SECOND };
  const read = (
    change: Partial<SegmentReport> = {},
    more: { readonly endorsedClass?: string; readonly contextSize?: number } = {},
  ) => readVerifierReport(opened, encodeSegmentReport({ ...honest, ...change }), { ...job, ...more });
  const weigh = (change: Partial<SegmentReport> = {}) => (read(change) as VerifierReport).weigh({});
  return { reply, header, opening, outputTokens, terms, edge, read, weigh };
}

describe('the input of a shard', () => {
  it('is the rows before its layers, which its leader gives', () => {
    const { header, opening, outputTokens, terms } = serve();
    const shard = findAuditedShard(crypto, { header, opening, outputTokens }, terms, SECOND);
    expect(shard).toMatchObject({ place: 1, input: { ref: opening.edges?.[0]?.rows, bytes: undefined } });
  });

  it('is the tokens of prompt and reply at place 0, if the opening shows the prompt', () => {
    const { header, opening, outputTokens, terms } = serve();
    const first = { firstLayer: 0, layers: 3 };
    const words = Array.from({ length: header.promptTokenCount }, (_, i) => 700 + i);
    const tokens = words.reduce((writer, token) => writer.u32(token), createWriter()).finish();
    const find = (shown: Uint8Array | undefined) => {
      const prompt = shown && { blind: new Uint8Array(32), tokens: shown };
      return findAuditedShard(crypto, { header, opening: { ...opening, prompt }, outputTokens }, terms, first);
    };
    const { input } = find(tokens) as AuditedShard;
    const view = new DataView((input.bytes as Uint8Array).buffer);
    const shown = Array.from({ length: view.byteLength / 4 }, (_, i) => view.getUint32(4 * i, true));
    expect(shown).toEqual([...words, ...Array.from(outputTokens).slice(0, -1)]);
    expect(input.ref.root).toEqual(computeBlobRoot(crypto, opening.blind, input.bytes as Uint8Array));
    expect(createReader(tokens).u32()).toBe(700);
    const problem = { problem: 'the input of shard 0 has no root' };
    expect([find(undefined), find(tokens.subarray(4))]).toEqual([problem, problem]);
  });

  it.each<[string, Partial<TestEdges>, object]>([
    ['other layers', {}, { firstLayer: 3, layers: 5 }],
    ['a shard without a root', { unsigned: [1] }, SECOND],
    ['a shard behind one without a root', { unsigned: [0] }, SECOND],
  ])('is not shown for %s', (_, edges, segment) => {
    const { header, opening, outputTokens, terms } = serve(edges);
    const found = findAuditedShard(crypto, { header, opening, outputTokens }, terms, segment as typeof SECOND);
    expect(found).toHaveProperty('problem');
  });

  it('is not shown if it is too large to travel', () => {
    const { header, opening, outputTokens, terms } = serve();
    const [first, ...others] = opening.edges ?? [];
    const bytes = MAX_ROWS_BYTES + 4;
    const edges = [{ ...(first as (typeof others)[number]), rows: { bytes, root: new Uint8Array(32) } }, ...others];
    const found = findAuditedShard(crypto, { header, opening: { ...opening, edges }, outputTokens }, terms, SECOND);
    expect(found).toEqual({ problem: expect.stringContaining(`${bytes} bytes`) });
  });
});

describe('a report of one shard', () => {
  it('accepts equal rows, in the class that the shard signed', () => {
    const { weigh, read } = serve();
    expect(weigh()).toMatchObject({ outcome: 'accept', checks: [{ id: 'equality', status: 'pass' }] });
    expect(read()).toMatchObject({ claimsExact: true, isBlank: false });
  });

  it.each<[string, BendRows | undefined, Partial<SegmentReport>, object]>([
    ['one bit', (value, i) => (i === 70 ? value + 2 ** -20 : value), {}, { outcome: 'reject', culprit: 1 }],
    ['kernels of another class', move(0.01), { exact: false }, { outcome: 'accept' }],
    ['more than kernels', move(0.03), { exact: false }, { outcome: 'inconclusive' }],
    ['coarser weights', move(0.09), { exact: false }, { outcome: 'reject', culprit: 1 }],
  ])('decides about rows that differ by %s', (_, bend, change, verdict) => {
    const found = serve(bend && { bend: { 1: bend } }).weigh(change);
    expect(found).toMatchObject(verdict);
    expect(found.fault !== undefined).toBe(change.exact === undefined);
    expect('culprit' in found).toBe(found.outcome === 'reject');
  });

  it('can only reject if its verifier has room for the first windows alone', () => {
    const weighPart = (bend?: BendRows, contextSize = 40) => {
      const { header, opening, read } = serve(bend && { bend: { 1: bend } });
      const sizes = { ...header, promptTokenCount: 33 - header.outputTokenCount };
      const { root: _root, ...edge } = computeTestEdge(sizes, opening.blind, { place: 1 });
      const found = read({ edge, contextSize: 40 }, { contextSize });
      return 'problem' in found ? found.problem : found.weigh({});
    };
    expect(weighPart()).toMatchObject({ outcome: 'inconclusive', isPartial: true });
    expect(weighPart(move(0.09))).toMatchObject({ outcome: 'reject', isPartial: true, culprit: 1 });
    expect(weighPart(undefined, 4096)).toContain('the verifier announced 4096');
  });

  it.each<[string, (edge: SegmentReport['edge']) => Partial<SegmentReport>, string]>([
    ['another job', () => ({ jobId: new Uint8Array(16) }), 'another job'],
    ['another model', () => ({ modelRoot: new Uint8Array(32) }), 'another model'],
    [
      'rows of another width',
      (edge) => ({ edge: { ...edge, rows: { ...edge.rows, bytes: 2 * edge.rows.bytes } } }),
      'values',
    ],
    ['fewer positions than fit', () => ({ contextSize: 10 }), 'fit into 10 tokens'],
  ])('is none about %s', (_, change, problem) => {
    const { edge, read } = serve();
    expect(read(change(edge))).toEqual({ problem: expect.stringContaining(problem) });
  });

  it('is none if its verifier denies the class that it signed', () => {
    const { header, read } = serve();
    const endorsedClass = header.numericClass;
    expect(read({ exact: false }, { endorsedClass })).toHaveProperty('problem');
    expect(read({}, { endorsedClass })).not.toHaveProperty('problem');
  });
});
