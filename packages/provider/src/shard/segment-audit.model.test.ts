import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SegmentEngine } from '@ogong/engine/interface/segment';
import { llamaQuantizer, resolveModel } from '@ogong/engine/llama-cpp/llama-quantizer';
import { segmentOptionsOf } from '@ogong/engine/llama-cpp/segment/chained-engine';
import { openSegmentModel } from '@ogong/engine/llama-cpp/segment/segment-model';
import { fetchBlob } from '@ogong/host/blob/fetch-blob';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createLogger } from '@ogong/host/log/logger';
import { cutModel, MANIFEST_FILE } from '@ogong/models/slabs/manifest';
import { computeBlobRoot } from '@ogong/protocol/commitment/blob';
import { type Opening, parseOpening } from '@ogong/protocol/commitment/opening';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { slabManifestFormat } from '@ogong/protocol/commitment/slab-manifest';
import { computeOrderDay, parseOrder } from '@ogong/protocol/exchange/order';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { parseSegmentReport } from '@ogong/protocol/modality/text/stage2/segment-report';
import { encodeTextClaim, parseTextClaim } from '@ogong/protocol/modality/text/stage2/text-claim';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
import { createSegmentAttack, SEGMENT_ATTACKS } from '@ogong/testing/engine/segment-attackers';
import { writeSlabs } from '@ogong/testing/models/cut-model';
import { COHORT_CONTEXT, COHORT_EDGES, COHORT_SEQUENCES, startModelCohort } from '@ogong/testing/provider/model-cohort';
import { receive } from '@ogong/testing/provider/provider-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenedHeldSegments, openHeldSegments } from '../engine/open-held-segments.ts';
import type { CommittedReply } from '../modality/order-job.ts';
import { commitReply } from '../modality/text/commit-reply.ts';
import { parseModelRequest } from '../modality/text/model-request.ts';
import type { HeldSegment } from '../modality/text/segment-job.ts';
import { openJob } from '../verifier/scorer.ts';

const SETTINGS = { kernels: 'exact', isa: 'auto', sequences: undefined, nCtx: COHORT_CONTEXT, threads: 1 } as const;

const closing: (() => unknown)[] = [];
let folder: string;
let path: string;
let cheap: string;
let slabs: readonly string[];
let modelRoot: Uint8Array;
let verifiers: OpenedHeldSegments;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-segment-audit-'));
  const model = await resolveModel('stories260K', { storeDir: folder });
  modelRoot = model.modelRoot;
  path = join(folder, 'stories260K.gguf');
  cheap = join(folder, 'cheap.gguf');
  copyFileSync(model.path, path);
  await llamaQuantizer.quantize(path, cheap, 'q4_0');
  const cut = join(folder, 'cut');
  mkdirSync(cut);
  slabs = [0, 1, 2].map((place) => join(cut, `slab-${place}.gguf`));
  const manifest = await cutModel(path, COHORT_EDGES, (_plan, place) => slabs[place] as string);
  writeFileSync(join(cut, MANIFEST_FILE), slabManifestFormat.encode(manifest));
  verifiers = await openHeldSegments(
    slabs,
    { ...SETTINGS, modelsDir: folder },
    { log: createLogger({ name: 'test', level: 'silent' }) },
  );
  closing.push(() => verifiers.close());
});
afterAll(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
});

/** Orders a reply of a cohort, and has a verifier of each place score it from the rows that the leader keeps. */
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
  const { record, opening: encoded } = replies.at(-1) as CommittedReply;
  const { replyId } = parseRecordV2(record);
  const opening = parseOpening(encoded);
  const opened = openReply(crypto, parseRecordV2(record), encoded) as OpenedReply;
  const inputs = opened.reply.describeJob('chat', new Uint8Array(32));
  const validator = (await cohort.connect(3)).service(ProviderService);
  const fetchRows = ({ rows: ref }: NonNullable<Opening['edges']>[number]): Promise<Uint8Array> =>
    fetchBlob(validator, { replyId, ref, blind: opening.blind }, { crypto, maxBytes: 2 ** 24, timeoutMs: 10_000 });
  const blobs = await Promise.all((opening.edges ?? []).map(fetchRows));
  const { outputTokens, ...claim } = parseTextClaim(inputs.claim);
  const { prompt } = parseModelRequest(
    asked.request,
    'chat',
    computeOrderDay(parseOrder(asked.order?.order as Uint8Array)),
  );
  const { scorer } = verifiers.segments.at(-1) as HeldSegment;
  if (scorer.kind !== 'windows') throw new Error('the last segment reports windows');
  const promptTokens = await scorer.engine.tokenizePrompt(prompt);
  const tokens = Buffer.concat([new Uint8Array(promptTokens.slice().buffer), outputTokens]).subarray(0, -4);
  const shown = [Uint8Array.from(tokens), ...blobs];
  const reports = await Promise.all(
    verifiers.segments.map(({ firstLayer, layers }, place) => {
      const bytes = shown[place] as Uint8Array;
      const input = { bytes: bytes.length, root: computeBlobRoot(crypto, opening.blind, bytes) };
      const message: ScoreJobMessage = {
        ...{ ...inputs, jobId: new Uint8Array(16).fill(9), request: asked.request, timeoutMs: 60_000 },
        claim: encodeTextClaim({ ...claim, outputTokens, segment: { firstLayer, layers, input } }),
        blobs: [bytes],
      };
      return openJob(message, { engines: [], segments: verifiers.segments, crypto }).score(
        new AbortController().signal,
      );
    }),
  );
  const [first, second, last] = reports as [Uint8Array, Uint8Array, Uint8Array];
  return {
    opening,
    numericClass: cohort.members[0]?.numericClass,
    reports: [first, second].map(parseSegmentReport),
    windows: parseScoreReport(last),
  };
}

describe('verifiers that each hold one segment', () => {
  it('repeat the rows and windows of honest shards to the bit', async () => {
    const { opening, reports, windows, numericClass } = await audit();
    expect(opening.edges).toHaveLength(2);
    expect(reports.map(({ edge }) => edge)).toEqual(opening.edges);
    for (const report of [...reports, windows]) expect(report).toMatchObject({ numericClass, exact: true, modelRoot });
    expect(windows.windows).toEqual(opening.windows);
  });

  it.each([
    ...SEGMENT_ATTACKS.map((attack) => [attack, 1] as const),
    // Layer 0 stands alone, so no layer can be dropped there.
    ...SEGMENT_ATTACKS.filter((attack) => attack !== 'drop-layer').map((attack) => [attack, 0] as const),
  ])('differ from the shard that cheats, and from no other: %s at place %i', async (attack, place) => {
    const options = segmentOptionsOf({ contextSize: COHORT_CONTEXT, sequences: COHORT_SEQUENCES });
    const open = (file: string, layers?: number): SegmentEngine => {
      const slab = writeSlabs(file, COHORT_EDGES)[place] as string;
      const segment = openSegmentModel(slab, { ...options, ...(layers !== undefined && { layers }) });
      closing.push(() => segment.close());
      return segment;
    };
    const { opening, reports, windows } = await audit((honest, at) => {
      if (at !== place) return honest;
      const layers = Math.max(1, honest.info().layers - 1);
      return createSegmentAttack(attack, { honest, swapped: open(cheap), shorter: open(path, layers) });
    });
    const isEqual = reports.map(({ edge }, i) => edge.rows.root.join() === opening.edges?.[i]?.rows.root.join());
    expect(isEqual).toEqual([0, 1].map((at) => at !== place));
    // The leader is honest about the rows that it got.
    expect(windows.windows).toEqual(opening.windows);
  });
});
