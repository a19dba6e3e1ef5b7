import { describe, expect, it } from 'vitest';
import vectors from '../../../../vectors/boundary.json' with { type: 'json' };
import { drawPlace } from '../../../audit/place-draw.ts';
import { fromHex, toHex } from '../../../base/bytes.ts';
import { computeBlobRoot } from '../../../commitment/blob.ts';
import { parseRecordV2 } from '../../../commitment/record.ts';
import { createSketchBank } from '../../../commitment/sketch.ts';
import { nobleCrypto as crypto } from '../../../crypto/noble.ts';
import { parseCohortTerms } from '../../../settlement/cohort-agreement.ts';
import { type OpenedReply, openReply } from '../../../verdict/opened-reply.ts';
import { createPassReceiver, encodeBoundaryPass, encodePassStatement, parseBoundaryPass } from './boundary-pass.ts';
import { encodeBoundaryProof, findRowsProblem, parseBoundaryProof, proveRows } from './boundary-proof.ts';
import {
  commitBoundary,
  encodeBoundaryRoot,
  parseBoundaryRoot,
  verifyBoundaryRoot,
  verifyRootReceipt,
} from './boundary-root.ts';
import { createRowContent, createTokenContent } from './pass-content.ts';

const [orderHash, blind, bankSeed] = [fromHex(vectors.orderHash), fromHex(vectors.blind), fromHex(vectors.bankSeed)];
const [senderKey, leaderKey] = [fromHex(vectors.shardKey), fromHex(vectors.leaderKey)];
const { embeddingSize, vocabularySize, directions } = vectors;
const limits = { maxPositions: 64, maxTurns: 8, maxRows: 40 };
const edge = { orderHash, place: 0, blind, content: createRowContent(embeddingSize) };

describe('the vectors of a boundary', () => {
  it('have the rows, root and proof of their passes', () => {
    const { kept, accept } = createPassReceiver(crypto, edge, { senderKey, ...limits });
    for (const [turn, { pass, statement }] of vectors.passes.entries()) {
      const parsed = parseBoundaryPass(fromHex(pass));
      expect(accept(parsed)).toMatchObject({ ok: true, head: { turn } });
      expect(toHex(encodeBoundaryPass(parsed))).toBe(pass);
      const { rowHashes } = kept.passes[turn] as (typeof kept.passes)[number];
      expect(toHex(encodePassStatement(crypto, edge, parsed.head, rowHashes))).toBe(statement);
    }
    const bank = createSketchBank(crypto, { bankSeed, directions, embeddingSize });
    const { blob, sketches, root, positions, turns } = commitBoundary(crypto, kept, { blind, bank });
    expect(toHex(blob.ref.root)).toBe(vectors.blobRoot);
    expect(sketches.map((sketch) => toHex(sketch))).toEqual(vectors.sketches);
    const signed = parseBoundaryRoot(fromHex(vectors.root));
    const input = computeBlobRoot(crypto, blind, fromHex(vectors.received));
    expect(signed).toMatchObject({ root, positions, turns, input });
    expect(toHex(encodeBoundaryRoot(signed))).toBe(vectors.root);
    expect(verifyBoundaryRoot(crypto, { ...edge, senderKey }, signed)).toBe(true);
    expect(verifyRootReceipt(crypto, { leaderKey, root: signed, receipt: fromHex(vectors.receipt) })).toBe(true);
    const proof = parseBoundaryProof(fromHex(vectors.proof));
    expect(proof).toEqual(proveRows(kept));
    expect(toHex(encodeBoundaryProof(proof))).toBe(vectors.proof);
    expect(findRowsProblem(crypto, edge, senderKey, { rows: fromHex(vectors.rows), proof })).toBeUndefined();
  });

  it('have the opening, job and verdicts of a reply with a wrong shard', () => {
    const { audit } = vectors;
    const cohort = parseCohortTerms(fromHex(audit.terms));
    const { reply } = openReply(crypto, parseRecordV2(fromHex(audit.record)), fromHex(audit.opening)) as OpenedReply;
    expect(reply.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    const [jobId, draw] = [new Uint8Array(16).fill(8), new Uint8Array(32)];
    expect(toHex(reply.describeJob('chat', draw, cohort).claim)).toBe(audit.claim);
    expect(audit.reports.map(({ outcome, culprit }) => [outcome, culprit])).toEqual([
      ['reject', 1],
      ['accept', null],
      ['inconclusive', null],
    ]);
    for (const { report, outcome, culprit } of audit.reports) {
      const read = reply.readReport(fromHex(report), { jobId, draw, contextSize: 4096, cohort });
      if ('problem' in read) throw new TypeError(read.problem);
      const { culprit: named = null, ...verdict } = read.weigh({});
      expect([verdict.outcome, named]).toEqual([outcome, culprit]);
    }
  });

  it('have the job, the report and the draw of one shard', () => {
    const { terms, record, opening, segment, places } = vectors.audit;
    const cohort = parseCohortTerms(fromHex(terms));
    const { reply } = openReply(crypto, parseRecordV2(fromHex(record)), fromHex(opening)) as OpenedReply;
    const [jobId, draw, about] = [new Uint8Array(16).fill(8), new Uint8Array(32), { firstLayer: 3, layers: 4 }];
    expect(toHex(reply.describeJob('chat', draw, cohort, about).claim)).toBe(segment.claim);
    const job = { jobId, draw, contextSize: 4096, cohort, segment: about };
    const read = reply.readReport(fromHex(segment.report), job);
    if ('problem' in read) throw new TypeError(read.problem);
    const { outcome, culprit = null } = read.weigh({});
    expect({ outcome, culprit, tokens: read.tokens }).toMatchObject({ outcome: 'reject', culprit: 1 });
    expect([segment.outcome, segment.culprit, segment.tokens]).toEqual([outcome, culprit, read.tokens]);
    for (const { beacon, replyId, prices, place } of places)
      expect(drawPlace(crypto, { beacon: fromHex(beacon), replyId: fromHex(replyId) }, prices.map(BigInt))).toBe(place);
    expect(new Set(places.map(({ place }) => place)).size).toBe(3);
  });

  it('have the tokens that the leader sends to the first shard', () => {
    const back = { orderHash, place: 1, blind, content: createTokenContent(vocabularySize) };
    const { accept } = createPassReceiver(crypto, back, { senderKey: leaderKey, ...limits });
    for (const { ids, pass } of vectors.tokens)
      expect(accept(parseBoundaryPass(fromHex(pass)))).toMatchObject({ ok: true, values: Uint32Array.from(ids) });
  });

  it.each([
    ['a tag', (bytes: Uint8Array) => bytes.with(3, 0)],
    ['a last byte', (bytes: Uint8Array) => bytes.subarray(0, -1)],
    ['its end', (bytes: Uint8Array) => Uint8Array.of(...bytes, 0)],
  ])('are refused without %s', (_name, damage) => {
    for (const read of [
      () => parseBoundaryRoot(damage(fromHex(vectors.root))),
      () => parseBoundaryProof(damage(fromHex(vectors.proof))),
    ])
      expect(read).toThrow(expect.objectContaining({ name: 'ProtocolError' }));
  });
});
