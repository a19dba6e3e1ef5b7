import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SegmentEngine } from '@ogong/engine/interface/segment';
import type { TextEngine } from '@ogong/engine/interface/text';
import { createLlamaEngine } from '@ogong/engine/llama-cpp/engine';
import { llamaQuantizer, resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { segmentOptionsOf } from '@ogong/engine/llama-cpp/segment/chained-engine';
import { openSegmentModel } from '@ogong/engine/llama-cpp/segment/segment-model';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import type { VerifierReport } from '@ogong/protocol/modality/modality';
import { readCohort } from '@ogong/protocol/settlement/cohort-agreement';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
import { createSegmentAttack, SEGMENT_ATTACKS } from '@ogong/testing/engine/segment-attackers';
import { writeSlabs } from '@ogong/testing/models/cut-model';
import { COHORT_CONTEXT, COHORT_SEQUENCES, startModelCohort } from '@ogong/testing/provider/model-cohort';
import { ledger, receive } from '@ogong/testing/provider/provider-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommittedReply } from '../modality/order-job.ts';
import { commitReply } from '../modality/text/commit-reply.ts';
import { openTextJob } from '../modality/text/score-text.ts';

/** The edges of the cohort of the fixture. */
const EDGES = [1, 3];

const closing: (() => unknown)[] = [];
let folder: string;
let path: string;
let cheap: string;
let modelRoot: Uint8Array;
let whole: TextEngine;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-cohort-audit-'));
  const model = await resolveModel('stories260K', { storeDir: folder });
  modelRoot = model.modelRoot;
  path = join(folder, 'stories260K.gguf');
  cheap = join(folder, 'cheap.gguf');
  copyFileSync(model.path, path);
  await llamaQuantizer.quantize(path, cheap, 'q4_0');
  whole = await createLlamaEngine({ modelPath: path, contextSize: COHORT_CONTEXT, sequences: 1, threads: 1 });
  closing.push(() => whole.close());
});
afterAll(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

/** Orders a reply of a cohort, and has a verifier of the whole model score what its validator would ask. */
async function audit(bend?: (segment: SegmentEngine, place: number) => SegmentEngine) {
  const replies: CommittedReply[] = [];
  const cohort = await startModelCohort({
    ...{ path, modelRoot, closing, ...(bend && { bend }) },
    commit(...given) {
      const reply = commitReply(...given);
      replies.push(reply);
      return reply;
    },
  });
  const asked = cohort.order({ body: { temperature: 0.8, seed: 7 } });
  await receive(cohort.client, asked);
  await expect.poll(() => cohort.validator.pushed.length).toBe(1);
  const [push] = cohort.validator.pushed;
  const order = nameOrder(crypto, ledger, parseOrder(push?.order?.order as Uint8Array));
  const { numericClass } = whole.info();
  const found = readCohort(crypto, { ledger, order, numericClass }, push?.cohort as Uint8Array);
  if ('problem' in found) throw new Error(found.problem);
  const { record, opening } = replies.at(-1) as CommittedReply;
  const opened = openReply(crypto, parseRecordV2(record), opening) as OpenedReply;
  expect(opened.outcome).toBe('consistent');
  const drawn = { jobId: new Uint8Array(16).fill(9), draw: new Uint8Array(32), cohort: found.terms };
  const inputs = opened.reply.describeJob('chat', drawn.draw, found.terms);
  const message = { ...inputs, jobId: drawn.jobId, request: asked.request, timeoutMs: 60_000 };
  const report = await openTextJob(message, { engine: whole, crypto }).score(new AbortController().signal);
  const read = opened.reply.readReport(report, { ...drawn, contextSize: COHORT_CONTEXT });
  if ('problem' in read) throw new Error(read.problem);
  const { outcome, culprit, checks } = (read as VerifierReport).weigh({});
  return { outcome, culprit, failed: checks.filter(({ status }) => status === 'fail').map(({ id }) => id) };
}

describe('the audit of a reply that a cohort served', () => {
  it('accepts the rows and windows of honest shards', async () => {
    expect(await audit()).toEqual({ outcome: 'accept', culprit: undefined, failed: [] });
  });

  it.each([
    ...SEGMENT_ATTACKS.map((attack) => [attack, 1] as const),
    ['swap-segment', 0] as const,
    ['less-precision', 0] as const,
  ])('names the shard that cheats, and no other: %s at place %i', async (attack, place) => {
    const options = segmentOptionsOf({ contextSize: COHORT_CONTEXT, sequences: COHORT_SEQUENCES });
    const open = (file: string, layers?: number): SegmentEngine => {
      const slab = writeSlabs(file, EDGES)[place] as string;
      const segment = openSegmentModel(slab, { ...options, ...(layers !== undefined && { layers }) });
      closing.push(() => segment.close());
      return segment;
    };
    const verdict = await audit((honest, at) => {
      if (at !== place) return honest;
      const layers = Math.max(1, honest.info().layers - 1);
      return createSegmentAttack(attack, { honest, swapped: open(cheap), shorter: open(path, layers) });
    });
    expect(verdict).toEqual({ outcome: 'reject', culprit: place, failed: ['boundary'] });
  });
});
