import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { encodeOpening } from '@ogong/protocol/commitment/opening';
import { encodeRecordV2 } from '@ogong/protocol/commitment/record';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { toReference } from '@ogong/protocol/modality/media/detach-media';
import { hashRequest, summarizeRequest } from '@ogong/protocol/modality/request-hash';
import { encodeValues } from '@ogong/protocol/modality/shared/values';
import { drawAuditedSteps } from '@ogong/protocol/modality/trajectory/audit-job';
import { planGuidance } from '@ogong/protocol/modality/trajectory/guidance-plan';
import { encodeTrajectoryHeader } from '@ogong/protocol/modality/trajectory/header';
import { plantLatent } from '@ogong/protocol/modality/trajectory/planted-picture';
import { encodeProjection, projectValues } from '@ogong/protocol/modality/trajectory/projection';
import { encodeTrajectoryReport } from '@ogong/protocol/modality/trajectory/report';
import { guideStep } from '@ogong/protocol/modality/trajectory/schedule/momentum';
import { trajectory } from '@ogong/protocol/modality/trajectory/trajectory';
import { createHiddenPicture } from '../../synthetic/hidden-picture.ts';
import { createSyntheticPicture } from '../../synthetic/synthetic-picture.ts';

const FILE = Uint8Array.of(0, 1, 2);

const WINDOWS = [
  { steps: 20, startQ16: 0, endQ16: 32_768, momentumQ16: 0 },
  // 0.2 to 0.8 and 0.3 to 0.7: shares that round down, and shares that round up.
  { steps: 5, startQ16: 13_107, endQ16: 52_429, momentumQ16: 0 },
  { steps: 10, startQ16: 19_661, endQ16: 45_875, momentumQ16: 0 },
  { steps: 4, leftOut: 2, startQ16: 16_384, endQ16: 49_152, momentumQ16: 0 },
];

/** The momentum and the guided output of three steps, the first one at the start of the window. */
function createMomentumVector() {
  const guidance = { factor: 3.25, momentum: -40_000 / 65_536 };
  const steps: object[] = [];
  let state: Float32Array | undefined;
  for (const answers of [
    [1, -0.5, 0.1, 0.25, 0.5, 0.3],
    [0.7, 1e-3, -2, 1 / 3, -1e6, 1e-9],
    [0.1, 0.2, 0.3, 0.3, 0.2, 0.1],
  ]) {
    const made = guideStep(guidance, Float32Array.from(answers), state);
    state = made.state as Float32Array;
    const values = { answers: Float32Array.from(answers), momentum: state, output: made.output };
    steps.push(Object.fromEntries(Object.entries(values).map(([name, each]) => [name, toHex(encodeValues(each))])));
  }
  return { guidance: guidance.factor, momentumQ16: -40_000, steps };
}

/** A step whose projection has this length. */
const toStep = (length: number) => ({ projection: Float32Array.of(length, ...new Array<number>(60).fill(0)) });

/** `vectors/trajectory.json` (docs/spec/trajectory.md): requests, projections, drawn steps, and a picture with its job and report. */
export function createTrajectoryVectors(crypto: Crypto): unknown {
  const seed = new Uint8Array(32).fill(9);
  const draw = new Uint8Array(32).fill(0xd7);
  const picture = createSyntheticPicture({ crypto, steps: 3 });
  const { header, opening, record, response, latents, outputs, blobs } = picture;
  const drawn = drawAuditedSteps(crypto, { draw, replyId: record.replyId, steps: picture.leaves.steps });
  const reply = trajectory.replay(crypto, record, opening, { blobs });
  const report = encodeTrajectoryReport(picture.report(drawn));
  const read = reply.readReport(report, { jobId: new Uint8Array(16).fill(1), draw, contextSize: 0 });
  if ('problem' in read) throw new Error(read.problem);
  const changed = createSyntheticPicture({ crypto, steps: 4, source: { strengthQ16: 40_000, hasMask: true } });
  const replayed = trajectory.replay(crypto, changed.record, changed.opening, { blobs: changed.blobs });
  const hidden = createHiddenPicture({ crypto });
  const reference = toReference(crypto, FILE);
  const link = createSyntheticPicture({ crypto, steps: 4, range: { firstStep: 1, lastStep: 3 } });
  const linked = trajectory.replay(crypto, link.record, link.opening, { blobs: link.blobs });
  const guided = createSyntheticPicture({
    ...{ crypto, steps: 5, guidancePlan: { startQ16: 13_108, endQ16: 49_152, momentumQ16: -32_768 } },
  });
  const replayedGuided = trajectory.replay(crypto, guided.record, guided.opening, { blobs: guided.blobs });
  return {
    requests: [
      { prompt: 'a red circle' },
      { prompt: 'a', negative_prompt: 'b', n: 2, size: '64x32', seed: -3, steps: 20, guidance: 7.5, sampler: 'euler' },
      { prompt: 'a', steps: 20, last_step: 8 },
      { prompt: 'a', steps: 20, first_step: 8, latent: reference },
      { prompt: 'a', guidance: 4, guidance_start: 0.2, guidance_end: 0.75, guidance_momentum: -0.5 },
    ].map((asked) => {
      const body = JSON.stringify({ model: 'ogong/verified/test/m', ...asked });
      const bytes = utf8Encode(body);
      const summary = toHex(summarizeRequest(crypto, 'image', bytes));
      return { body, summary, hash: toHex(hashRequest(crypto, 'image', bytes)) };
    }),
    edits: [
      { endpoint: 'image-edit', prompt: 'a', image: reference },
      { endpoint: 'image-edit', prompt: 'a', images: [{ image_url: reference }], mask: reference, strength: 0.25 },
      { endpoint: 'image-variation', image: reference, steps: 20 },
    ].map(({ endpoint, ...asked }) => {
      const body = JSON.stringify({ model: 'ogong/verified/test/m', ...asked });
      const bytes = utf8Encode(body);
      const summary = toHex(summarizeRequest(crypto, endpoint, bytes));
      return { endpoint, body, summary, hash: toHex(hashRequest(crypto, endpoint, bytes)) };
    }),
    projections: [[1], [0.5, -0.25, 3], Array.from({ length: 130 }, (_, i) => i / 8)].map((values) => ({
      ...{ seed: toHex(seed), values },
      sums: toHex(encodeProjection(projectValues(crypto, seed, Float32Array.from(values)))),
    })),
    drawnSteps: [[3], [1, 1], [0, 0, 0], Array.from({ length: 20 }, (_, i) => (i === 7 ? 9.5 : 1 + i / 64))].map(
      (lengths) => ({
        ...{ draw: toHex(draw), replyId: toHex(record.replyId), lengths },
        drawn: drawAuditedSteps(crypto, { draw, replyId: record.replyId, steps: lengths.map(toStep) }),
      }),
    ),
    picture: {
      header: toHex(encodeTrajectoryHeader(header)),
      opening: toHex(encodeOpening(opening)),
      commitRoot: toHex(record.commitRoot),
      responseHash: toHex(record.responseHash),
      response: toHex(response),
      outputs: outputs.map((output) => toHex(encodeValues(output))),
      latents: latents.map((latent) => toHex(encodeValues(latent))),
      checks: reply.checks.map(({ id, status }) => ({ id, status })),
    },
    changed: {
      header: toHex(encodeTrajectoryHeader(changed.header)),
      opening: toHex(encodeOpening(changed.opening)),
      outputs: changed.outputs.map((output) => toHex(encodeValues(output))),
      latents: changed.latents.map((latent) => toHex(encodeValues(latent))),
      source: changed.sources.map((values) => toHex(encodeValues(values))),
      checks: replayed.checks.map(({ id, status }) => ({ id, status })),
      report: toHex(encodeTrajectoryReport(changed.report([0, 1]))),
    },
    link: {
      header: toHex(encodeTrajectoryHeader(link.header)),
      opening: toHex(encodeOpening(link.opening)),
      commitRoot: toHex(link.record.commitRoot),
      responseHash: toHex(link.record.responseHash),
      response: toHex(link.response),
      outputs: link.outputs.map((output) => toHex(encodeValues(output))),
      latents: link.latents.map((latent) => toHex(encodeValues(latent))),
      checks: linked.checks.map(({ id, status }) => ({ id, status })),
      report: toHex(encodeTrajectoryReport(link.report([0, 1]))),
    },
    windows: WINDOWS.map((window) => ({
      ...window,
      guided: planGuidance({ guidance: 3, ...window, guidancePlan: window }).map(({ factor }) => factor > 1),
    })),
    momentum: createMomentumVector(),
    guided: {
      header: toHex(encodeTrajectoryHeader(guided.header)),
      opening: toHex(encodeOpening(guided.opening)),
      outputs: guided.outputs.map((output) => toHex(encodeValues(output))),
      latents: guided.latents.map((latent) => toHex(encodeValues(latent))),
      checks: replayedGuided.checks.map(({ id, status }) => ({ id, status })),
      report: toHex(encodeTrajectoryReport(guided.report([1, 4]))),
    },
    hidden: {
      header: toHex(encodeTrajectoryHeader(hidden.header)),
      opening: toHex(encodeOpening(hidden.opening)),
      record: toHex(encodeRecordV2(hidden.record)),
      checks: trajectory.replay(crypto, hidden.record, hidden.opening).checks.map(({ id, status }) => ({ id, status })),
    },
    audit: {
      draw: toHex(draw),
      claim: toHex(reply.describeJob('image', draw).claim),
      header: toHex(reply.describeJob('image', draw).header),
      report: toHex(report),
      outcome: read.weigh({}).outcome,
    },
    planted: [2, 3, 5, 9].map((first) => {
      const plantSeed = new Uint8Array(32).fill(first);
      const terms = { endpoint: 'image', draw, seed: plantSeed, endorsedClass: header.numericClass };
      return {
        ...{ seed: toHex(plantSeed), drawn },
        replaced: plantLatent(crypto, picture.leaves, drawn, { seed: plantSeed }) ?? null,
        claim: toHex(reply.plant?.(terms)?.inputs.claim ?? new Uint8Array()),
      };
    }),
  };
}
