import { drawPlace } from '@ogong/protocol/audit/place-draw';
import { concatBytes, toHex } from '@ogong/protocol/base/bytes';
import { computeBlobRoot } from '@ogong/protocol/commitment/blob';
import { createSketchBank } from '@ogong/protocol/commitment/sketch';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createNobleEd25519Signer } from '@ogong/protocol/crypto/noble';
import {
  createPassSender,
  encodeBoundaryPass,
  encodePassStatement,
} from '@ogong/protocol/modality/text/boundary/boundary-pass';
import { encodeBoundaryProof, proveRows } from '@ogong/protocol/modality/text/boundary/boundary-proof';
import {
  commitBoundary,
  encodeBoundaryRoot,
  signBoundaryRoot,
  signRootReceipt,
} from '@ogong/protocol/modality/text/boundary/boundary-root';
import { createRowContent, createTokenContent } from '@ogong/protocol/modality/text/boundary/pass-content';
import { toExpectedReport } from '@ogong/protocol/modality/text/honeypot-check';
import { encodeScoreReport, type ScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { encodeSegmentReport } from '@ogong/protocol/modality/text/stage2/segment-report';
import { encodeCohortTerms } from '@ogong/protocol/settlement/cohort-agreement';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
import { createSyntheticReply } from '../synthetic/synthetic-reply.ts';
import { createTestCohort } from '../validator/test-cohort.ts';
import { computeTestEdge, createTestEdges, reportTestEdges, TEST_EDGES } from '../validator/test-edges.ts';
import { createTestHybrid, createTestLedgerSigner } from '../validator/test-keys.ts';

const EMBEDDING_SIZE = 8;
const VOCABULARY_SIZE = 300;
const fill = (value: number): Uint8Array => new Uint8Array(32).fill(value);

/** Passes of shard 0 and of the leader of two shards, with a dropped guess and a dropped pass; then root, proof and receipt. */
export function createBoundaryVectors(crypto: Crypto) {
  const [orderHash, blind, bankSeed] = [fill(2), fill(3), fill(4)];
  const [shard, leader] = [createNobleEd25519Signer(fill(1)), createNobleEd25519Signer(fill(5))];
  const bank = createSketchBank(crypto, { bankSeed, directions: 16, embeddingSize: EMBEDDING_SIZE });
  const edge = { orderHash, place: 0, blind, content: createRowContent(EMBEDDING_SIZE) };
  const sender = createPassSender(crypto, edge, { signer: shard, maxPositions: 64 });
  const back = { orderHash, place: 1, blind, content: createTokenContent(VOCABULARY_SIZE) };
  const tokens = createPassSender(crypto, back, { signer: leader, maxPositions: 64 });
  const passes = (
    [
      ['prompt', 0, 33],
      ['step', 33, 3],
      ['step', 35, 2],
      ['step', 35, 1],
    ] as const
  ).map(([kind, position, rows], turn) => {
    const values = Float32Array.from({ length: rows * EMBEDDING_SIZE }, (_, i) => ((i * 31 + turn) % 64) / 16 - 2);
    const pass = sender.send(kind, position, values);
    const { rowHashes } = sender.kept.passes[turn] as (typeof sender.kept.passes)[number];
    return {
      statement: toHex(encodePassStatement(crypto, edge, pass.head, rowHashes)),
      pass: toHex(encodeBoundaryPass(pass)),
    };
  });
  const commitment = commitBoundary(crypto, sender.kept, { blind, bank });
  const { positions, turns, root } = commitment;
  const received = createTokenContent(VOCABULARY_SIZE).encode(Uint32Array.from({ length: positions }, (_, i) => 7 * i));
  const input = computeBlobRoot(crypto, blind, received);
  const signed = signBoundaryRoot(shard, { orderHash, place: 0, positions, turns, root, input });
  return {
    orderHash: toHex(orderHash),
    blind: toHex(blind),
    bankSeed: toHex(bankSeed),
    directions: bank.directions,
    embeddingSize: EMBEDDING_SIZE,
    vocabularySize: VOCABULARY_SIZE,
    shardKey: toHex(shard.publicKey),
    leaderKey: toHex(leader.publicKey),
    passes,
    tokens: [
      [7, 299, 0],
      [12, 13],
    ].map((ids, turn) => ({
      ids,
      pass: toHex(encodeBoundaryPass(tokens.send('step', 3 * turn, Uint32Array.from(ids)))),
    })),
    received: toHex(received),
    rows: toHex(concatBytes(...sender.kept.standing.map(({ bytes }) => bytes))),
    blobRoot: toHex(commitment.blob.ref.root),
    sketches: commitment.sketches.map((sketch) => toHex(sketch)),
    root: toHex(encodeBoundaryRoot(signed)),
    proof: toHex(encodeBoundaryProof(proveRows(sender.kept))),
    receipt: toHex(signRootReceipt(crypto, leader, signed)),
    audit: createAuditVectors(crypto),
  };
}

/** A reply of three shards of which the second is wrong in one bit, and what reports of its rows decide. */
function createAuditVectors(crypto: Crypto) {
  const provider = createTestHybrid('provider');
  const ledger = { chainId: 31_337n, verifyingContract: fill(3).subarray(0, 20) };
  const given = { crypto, provider, payer: createTestLedgerSigner(fill(2)), ledger, tokens: 4 };
  const { order, request } = createSyntheticReply(given);
  const { terms } = createTestCohort({ provider, ledger, order: { fields: order, request } });
  const nudge = (value: number, i: number): number => (i === 70 ? value + 2 ** -20 : value);
  const edges = createTestEdges({ orderHash: order.orderHash, bend: { 1: nudge } });
  const reply = createSyntheticReply({ ...given, bend: { edges } });
  const { header, opening, record, recordBytes, openingBytes } = reply;
  const opened = openReply(crypto, record, openingBytes) as OpenedReply;
  const job = { jobId: fill(8).subarray(0, 16), draw: fill(0), contextSize: 4096, cohort: terms };
  const honest = { ...toExpectedReport(record, header, opening), jobId: job.jobId, contextSize: 4096 };
  const reports: Readonly<Record<string, Partial<ScoreReport>>> = {
    'of the exact class': {},
    'of another class': { exact: false, numericClass: 'other-1/js/f64/fast/hash/kv-none' },
    'without edges': { edges: [] },
  };
  const { claim } = opened.reply.describeJob('chat', job.draw, terms);
  const { jobId, contextSize, modelRoot, numericClass, exact, elapsedMs } = honest;
  const { root: _root, ...edge } = computeTestEdge(header, opening.blind, { place: 1 });
  const shardReport = encodeSegmentReport({ jobId, modelRoot, numericClass, exact, contextSize, elapsedMs, edge });
  const weighShard = () => {
    const read = opened.reply.readReport(shardReport, { ...job, segment });
    if ('problem' in read) throw new TypeError(read.problem);
    const { outcome, culprit = null } = read.weigh({});
    return { outcome, culprit, tokens: read.tokens };
  };
  const segment = { firstLayer: 3, layers: 4 };
  const part = opened.reply.describeJob('chat', job.draw, terms, segment);
  return {
    terms: toHex(encodeCohortTerms(terms)),
    record: toHex(recordBytes),
    opening: toHex(openingBytes),
    claim: toHex(claim),
    segment: {
      claim: toHex(part.claim),
      report: toHex(shardReport),
      ...weighShard(),
    },
    places: [fill(1), fill(2), fill(3), fill(4), fill(5), fill(6)].map((beacon) => {
      const prices = terms.members.map(({ pricePer1kAtomic }) => pricePer1kAtomic);
      const { replyId } = record;
      const draw = { beacon: toHex(beacon), replyId: toHex(replyId), prices: prices.map(String) };
      return { ...draw, place: drawPlace(crypto, { beacon, replyId }, prices) };
    }),
    reports: Object.entries(reports).map(([what, change]) => {
      const report = encodeScoreReport({ ...honest, edges: reportTestEdges(reply, TEST_EDGES), ...change });
      const read = opened.reply.readReport(report, job);
      if ('problem' in read) throw new TypeError(read.problem);
      const { outcome, culprit = null } = read.weigh({});
      return { what, report: toHex(report), outcome, culprit };
    }),
  };
}
