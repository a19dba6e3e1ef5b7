import { checkCodec } from '@ogong/testing/protocol/codec-compliance';
import { createSyntheticPicture, type SyntheticPictureOptions } from '@ogong/testing/synthetic/synthetic-picture';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../../base/bytes.ts';
import type { Check } from '../../base/checks.ts';
import { encodeOpening } from '../../commitment/opening.ts';
import { nobleCrypto as crypto } from '../../crypto/noble.ts';
import { openShown } from '../../verdict/opened-reply.ts';
import { toReference } from '../media/detach-media.ts';
import { decodeValues, encodeValues } from '../shared/values.ts';
import { drawAuditedSteps, encodeTrajectoryClaim, parseTrajectoryClaim } from './audit-job.ts';
import { encodeTrajectoryHeader, parseTrajectoryHeader, type TrajectoryHeader } from './header.ts';
import { computeProjectionDistance, projectValues } from './projection.ts';
import { readTrajectoryOpening } from './replay.ts';
import { encodeTrajectoryReport, parseTrajectoryReport, type TrajectoryReport } from './report.ts';
import { boundUnits, parsePictureRequest } from './request.ts';
import { countLeftOut } from './request-picture.ts';
import { encodePictureSummary, parsePictureSummary } from './request-summary.ts';
import type { SchedulerConfig } from './schedule/scheduler-config.ts';
import { trajectory } from './trajectory.ts';

const make = (options: Omit<SyntheticPictureOptions, 'crypto'> = {}) => createSyntheticPicture({ crypto, ...options });
const honest = make();
const DRAW = new Uint8Array(32).fill(0xd7);
const failures = (checks: readonly Check[]): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
const skips = (checks: readonly Check[]): string[] =>
  checks.filter(({ status }) => status === 'skip').map(({ id }) => id);
const body = (fields: object): Uint8Array => utf8Encode(JSON.stringify(fields));
const DIFFUSION: SchedulerConfig = {
  kind: 'diffusion',
  sampler: 'ddim',
  settings: {
    ...{ trainSteps: 1000, betaStart: 0.00085, betaEnd: 0.012, betaSchedule: 'scaled_linear', prediction: 'epsilon' },
    ...{ spacing: 'leading', stepsOffset: 1, endsClean: false },
  },
};

describe('parsePictureRequest', () => {
  const model = 'ogong/verified/a/b';

  it('reads all fields, and leaves the rest to the model', () => {
    const plain = parsePictureRequest(body({ model, prompt: 'a red circle', size: 'auto', user: 'x' }));
    expect(plain).toMatchObject({ size: undefined, steps: undefined, guidanceQ16: undefined, seed: undefined });
    expect(plain).toMatchObject({ negativePrompt: '', choices: 1, responseFormat: 'b64_json', dropped: [] });
    expect(boundUnits(plain)).toBe(50 * 2048);
    const full = parsePictureRequest(
      body({
        ...{ model, prompt: 'a', negative_prompt: 'b', n: 2, size: '64x32', seed: -3, num_inference_steps: 20 },
        ...{ guidance_scale: 7.5, sampler: 'euler', response_format: 'url', quality: 'high', style: 'vivid' },
      }),
    );
    expect(full).toMatchObject({ size: { width: 64, height: 32 }, steps: 20, guidanceQ16: 7.5 * 65_536, seed: -3n });
    expect(full).toMatchObject({ choices: 2, sampler: 'euler', negativePrompt: 'b', dropped: ['quality', 'style'] });
    expect(boundUnits(full)).toBe(40);
    const summary = encodePictureSummary(full, new Uint8Array(32));
    expect({ ...full, bodyHash: new Uint8Array(32) }).toMatchObject(parsePictureSummary(summary));
    checkCodec(
      fc.constant({ asked: parsePictureSummary(summary) }),
      ({ asked }) => encodePictureSummary(asked, asked.bodyHash),
      (bytes) => ({ asked: parsePictureSummary(bytes) }),
    );
  });

  it.each([
    ['no prompt', {}, 'prompt'],
    ['an empty prompt', { prompt: '' }, 'prompt'],
    ['a prompt that is too long', { prompt: 'a'.repeat(32_001) }, 'prompt'],
    ['a lone surrogate', { prompt: '\ud800' }, 'prompt'],
    ['a size without a form', { prompt: 'a', size: 'large' }, 'size'],
    ['more pixels than are served', { prompt: 'a', size: '2049x1024' }, 'size'],
    ['a width without a height', { prompt: 'a', width: 64 }, 'height'],
    ['two sizes', { prompt: 'a', size: '64x64', width: 64, height: 64 }, 'size'],
    ['no steps', { prompt: 'a', steps: 0 }, 'steps'],
    ['two numbers of steps', { prompt: 'a', steps: 4, num_inference_steps: 4 }, 'num_inference_steps'],
    ['too much guidance', { prompt: 'a', guidance: 51 }, 'guidance'],
    ['an unknown sampler', { prompt: 'a', sampler: 'heun' }, 'sampler'],
    ['another file format', { prompt: 'a', output_format: 'webp' }, 'output_format'],
    ['a transparent background', { prompt: 'a', background: 'transparent' }, 'background'],
    ['a picture to edit', { prompt: 'a', image: 'x' }, 'image'],
    ['an unknown demand', { prompt: 'a', ogong: { made_up: 1 } }, 'ogong.made_up'],
  ])('refuses %s', (_what, fields, param) => {
    const asked = body({ model, ...fields });
    expect(() => parsePictureRequest(asked)).toThrow(expect.objectContaining({ name: 'RequestError', param }));
  });
});

describe('a request to change a picture', () => {
  const model = 'ogong/verified/a/b';
  const image = toReference(crypto, Uint8Array.of(0, 1, 2));
  const edit = (fields: object) => parsePictureRequest(body({ model, prompt: 'a', ...fields }), 'image-edit');

  it('has a picture, a mask and a strength', () => {
    const plain = edit({ image });
    expect(plain).toMatchObject({ endpoint: 'image-edit', source: { picture: image, hasMask: false } });
    expect(plain.source?.strengthQ16).toBe(Math.round(0.8 * 65_536));
    for (const fields of [{ image: [image] }, { images: [{ image_url: image }] }])
      expect(edit(fields)).toMatchObject({ source: { picture: image } });
    const masked = edit({ image, mask: { image_url: image }, steps: 10 });
    expect(masked.source).toEqual({ strengthQ16: 65_536, hasMask: true, picture: image, mask: image });
    const varied = parsePictureRequest(body({ model, image, strength: 0.5 }), 'image-variation');
    expect(varied).toMatchObject({ prompt: '', source: { strengthQ16: 32_768, hasMask: false } });
    const summary = encodePictureSummary(masked, new Uint8Array(32));
    expect({ ...masked, bodyHash: new Uint8Array(32) }).toMatchObject(parsePictureSummary(summary));
    expect(() => encodePictureSummary({ ...masked, source: undefined }, new Uint8Array(32))).toThrow(
      'without a picture',
    );
  });

  it.each<[string, object, string]>([
    ['no picture', {}, 'image'],
    ['an address', { image: 'https://example.org/a.png' }, 'image'],
    ['bytes in its body', { image: 'data:image/png;base64,AAEC' }, 'image'],
    ['two pictures', { image: [image, image] }, 'image'],
    ['a picture by two names', { image, images: [image] }, 'images'],
    ['a mask that is none', { image, mask: 'x' }, 'mask'],
    ['no strength', { image, strength: 0 }, 'strength'],
    ['too much strength', { image, strength: 1.1 }, 'strength'],
    ['no prompt', { image, prompt: undefined }, 'prompt'],
  ])('is refused with %s', (_what, fields, param) => {
    expect(() => edit(fields)).toThrow(expect.objectContaining({ name: 'RequestError', param }));
  });
});

describe('stage 1', () => {
  it.each<[string, Omit<SyntheticPictureOptions, 'crypto'>]>([
    ['flow-match', {}],
    ['ddim', { scheduler: DIFFUSION }],
    ['euler', { scheduler: DIFFUSION, sampler: 'euler' }],
    ['dpm-solver++', { scheduler: DIFFUSION, sampler: 'dpm-solver++' }],
    ['one step', { steps: 1 }],
    ['a changed picture', { source: { strengthQ16: 40_000, hasMask: false } }],
    ['a picture changed under a mask', { source: { strengthQ16: 65_536, hasMask: true } }],
    [
      'two steps of dpm-solver++ under a mask',
      { scheduler: DIFFUSION, sampler: 'dpm-solver++', source: { strengthQ16: 30_000, hasMask: true } },
    ],
  ])('replays every link of %s', (_what, options) => {
    const { record, opening, blobs, latents } = make(options);
    const { checks, makeJobBlobs } = trajectory.replay(crypto, record, opening, { blobs });
    expect(checks.map(({ id, status }) => [id, status])).toEqual(
      ['commitment-root', 'commitment-form', 'posture', 'token-count', 'links', 'projections'].map((id) => [
        id,
        'pass',
      ]),
    );
    const { length } = makeJobBlobs?.(DRAW) ?? [];
    expect(length).toBe(Math.min(2, latents.length - 1) + 1);
  });

  it('skips the links where no outputs are shown', () => {
    const { checks, makeJobBlobs } = trajectory.replay(crypto, honest.record, honest.opening);
    expect([failures(checks), skips(checks)]).toEqual([[], ['links', 'projections']]);
    expect(makeJobBlobs?.(DRAW)).toBeUndefined();
  });

  it('names the outputs that it reads', () => {
    expect(trajectory.listReplayBlobs(honest.opening)).toEqual(
      honest.leaves.steps.map(({ outputRoot: root }) => ({ bytes: 4 * honest.header.embeddingSize, root })),
    );
  });

  const nudge = (values: Float32Array): Float32Array => values.map((value, i) => (i === 5 ? value + 1e-3 : value));
  it.each<[string, SyntheticPictureOptions['bend'], string]>([
    ['noise of its own', { latent: (latent, i) => (i === 0 ? nudge(latent) : latent) }, 'links'],
    ['a latent that does not follow', { latent: (latent, i) => (i === 3 ? nudge(latent) : latent) }, 'links'],
    ['a last latent that does not follow', { latent: (latent, i) => (i === 5 ? nudge(latent) : latent) }, 'links'],
    [
      'a projection of another output',
      {
        leaves: ({ steps, finalRoot }) => ({
          finalRoot,
          steps: steps.map((step) => ({ ...step, projection: nudge(step.projection) })),
        }),
      },
      'projections',
    ],
  ])('refutes %s', (_what, bend = {}, id) => {
    const { record, opening, blobs } = make({ bend });
    expect(failures(trajectory.replay(crypto, record, opening, { blobs }).checks)).toEqual([id]);
  });

  it('refutes the noise without any blob', () => {
    const { record, opening } = make({ bend: { latent: (latent, i) => (i === 0 ? nudge(latent) : latent) } });
    expect(failures(trajectory.replay(crypto, record, opening).checks)).toEqual(['links']);
  });

  it.each<[string, Omit<SyntheticPictureOptions, 'crypto'>]>([
    ['a sampler of one step', {}],
    ['a sampler of two steps', { scheduler: DIFFUSION, sampler: 'dpm-solver++' }],
  ])('shows a broken link of %s by its values alone', (_what, options) => {
    const bent = make({ ...options, bend: { latent: (latent, i) => (i === 3 ? nudge(latent) : latent) } });
    const { refutedBy: blobs = [] } = trajectory.replay(crypto, bent.record, bent.opening, { blobs: bent.blobs });
    expect(blobs.length).toBe(options.sampler === undefined ? 2 : 4);
    const shown = openShown(crypto, bent.record, { opening: encodeOpening(bent.opening), blobs });
    expect([shown?.outcome, failures(shown?.reply.checks ?? [])]).toEqual(['refuted', ['links']]);
    // An honest picture is not refuted by its own values.
    const own = [honest.latents[2], honest.outputs[2]].map((values) => encodeValues(values as Float32Array));
    const held = openShown(crypto, honest.record, { opening: encodeOpening(honest.opening), blobs: own });
    expect(held?.outcome).toBe('consistent');
    // Values of another link prove nothing.
    const other = openShown(crypto, bent.record, { opening: encodeOpening(bent.opening), blobs: blobs.slice(0, 1) });
    expect(other?.outcome).toBe('consistent');
  });

  it('refutes finite outputs whose latent is not finite, by the values of their link', () => {
    const output = (values: Float32Array): Float32Array => values.map((value, i) => (i === 5 ? -3e38 : value));
    const bent = make({ scheduler: DIFFUSION, sampler: 'euler', bend: { output } });
    expect(bent.latents.at(-1)?.every(Number.isFinite)).toBe(false);
    const { refutedBy = [], checks } = trajectory.replay(crypto, bent.record, bent.opening, { blobs: bent.blobs });
    expect(checks.find(({ status }) => status === 'fail')?.detail).toMatch(/^latent \d is not finite$/);
    const shown = openShown(crypto, bent.record, { opening: encodeOpening(bent.opening), blobs: refutedBy });
    expect([shown?.outcome, failures(shown?.reply.checks ?? [])]).toEqual(['refuted', ['links']]);
  });

  it.each([
    ['the first latent', 0, 1],
    ['a later latent', 3, 4],
  ])('of a changed picture shows a break of %s with the values of the picture', (_what, at, count) => {
    const bend = { latent: (latent: Float32Array, i: number) => (i === at ? nudge(latent) : latent) };
    const source = { strengthQ16: 65_536, hasMask: true };
    const bent = make({ source, bend });
    const { refutedBy: blobs = [], checks } = trajectory.replay(crypto, bent.record, bent.opening, {
      blobs: bent.blobs,
    });
    expect([failures(checks), blobs.length]).toEqual([['links'], count]);
    const shown = openShown(crypto, bent.record, { opening: encodeOpening(bent.opening), blobs });
    expect([shown?.outcome, failures(shown?.reply.checks ?? [])]).toEqual(['refuted', ['links']]);
    const whole = make({ source });
    const own = [whole.latents[2], whole.outputs[2], ...whole.sources].map((values) =>
      encodeValues(values as Float32Array),
    );
    const held = openShown(crypto, whole.record, { opening: encodeOpening(whole.opening), blobs: own });
    expect(held?.outcome).toBe('consistent');
  });

  it('of a changed picture skips the links without its latent, and names latent and mask among the blobs', () => {
    const { record, opening, header } = make({ source: { strengthQ16: 65_536, hasMask: true } });
    expect(skips(trajectory.replay(crypto, record, opening).checks)).toEqual(['links', 'projections']);
    expect(trajectory.listReplayBlobs(opening).slice(0, 2)).toEqual([
      { bytes: 4 * header.embeddingSize, root: header.source?.latentRoot },
      { bytes: (4 * header.embeddingSize) / 3, root: header.source?.mask?.root },
    ]);
  });

  it.each<[string, (source: NonNullable<TrajectoryHeader['source']>) => object, string]>([
    ['a projection of another latent', ({ projection }) => ({ projection: nudge(projection) }), 'projections'],
    ['a mask that is none', ({ latentRoot, mask }) => ({ mask: { ...mask, root: latentRoot } }), 'links'],
  ])('refutes %s of a changed picture', (_what, change, id) => {
    const bent = make({
      source: { strengthQ16: 65_536, hasMask: true },
      bend: { header: (header) => ({ ...header, source: { ...header.source!, ...change(header.source!) } }) },
    });
    const { checks } = trajectory.replay(crypto, bent.record, bent.opening, { blobs: bent.blobs });
    expect(failures(checks)).toEqual([id]);
  });

  it('refuses leaves of another number of steps before it computes anything', () => {
    const { windows, ...rest } = honest.opening;
    expect(() => readTrajectoryOpening({ ...rest, windows: windows.slice(1) })).toThrow(
      '5 leaves of a trajectory of 5 steps',
    );
  });

  it.each<[string, Partial<TrajectoryHeader>, RegExp]>([
    ['another number of values', { embeddingSize: 191 }, /a latent of 191 values/],
    ['a changed picture without a picture', { endpoint: 'image-edit' }, /without a picture to change/],
    ['other units', { outputTokenCount: 6 }, /6 units, not 5/],
    ['more pixels than are served', { choices: { ...honest.header.choices, width: 4096, height: 4096 } }, /at most/],
  ])('refuses a header of %s', (_what, change, message) => {
    expect(() => encodeTrajectoryHeader({ ...honest.header, ...change })).toThrow(message);
  });
});

describe('stage 2', () => {
  const drawSteps = ({ record, leaves }: typeof honest, draw = DRAW) =>
    drawAuditedSteps(crypto, { draw, replyId: record.replyId, steps: leaves.steps });
  const drawn = drawSteps(honest);
  const weigh = (picture: typeof honest, change: Partial<TrajectoryReport> = {}) => {
    const reply = trajectory.replay(crypto, picture.record, picture.opening, { blobs: picture.blobs });
    expect(failures(reply.checks)).toEqual([]);
    const bytes = encodeTrajectoryReport(picture.report(drawSteps(picture), change));
    const read = reply.readReport(bytes, { jobId: new Uint8Array(16).fill(1), draw: DRAW, contextSize: 0 });
    if ('problem' in read) return { problem: read.problem };
    const { outcome, checks, fault } = read.weigh({});
    return { outcome, failed: failures(checks), isFact: fault?.isFact };
  };
  const inexact = { numericClass: 'fake-1/js/f64/fast/hash/kv-none' };

  it('draws two different steps, which a beacon decides', () => {
    const seen = new Set<number>();
    for (let i = 0; i < 64; i++) {
      const steps = drawSteps(honest, new Uint8Array(32).fill(i));
      expect(new Set(steps).size).toBe(2);
      for (const step of steps) seen.add(step);
    }
    expect(seen.size).toBe(5);
  });

  it('draws a step with a long output nearly always, and any other at times', () => {
    const steps = Array.from({ length: 20 }, (_, i) => ({ projection: new Float32Array(61).fill(i === 7 ? 10 : 1) }));
    const draws = Array.from({ length: 200 }, (_, i) =>
      drawAuditedSteps(crypto, { draw: new Uint8Array(32).fill(i), replyId: honest.record.replyId, steps }),
    );
    // 100 of 119 parts in the first draw, 1 of 19 in the second.
    expect(draws.filter((drawn) => drawn.includes(7)).length).toBeGreaterThan(150);
    expect(new Set(draws.flat()).size).toBe(20);
    const still = steps.map(() => ({ projection: new Float32Array(61) }));
    expect(drawAuditedSteps(crypto, { draw: DRAW, replyId: honest.record.replyId, steps: still })).toHaveLength(2);
  });

  it('shows a verifier the drawn latents and nothing that the provider computed from them', () => {
    const reply = trajectory.replay(crypto, honest.record, honest.opening, { blobs: honest.blobs });
    const job = reply.describeJob('image', DRAW);
    const claim = parseTrajectoryClaim(job.claim);
    expect(claim.steps.map(({ step }) => step)).toEqual(drawn);
    expect(reply.makeJobBlobs?.(DRAW)).toEqual(
      [...drawn, 5].map((i) => encodeValues(honest.latents[i] as Float32Array)),
    );
    const header = parseTrajectoryHeader(job.header);
    expect([header.pixels, header.orderHash].every((values) => values.every((value) => value === 0))).toBe(true);
  });

  it('accepts an honest picture, bit for bit in an exact class and by distance in another one', () => {
    expect(weigh(honest)).toEqual({ outcome: 'accept', failed: [], isFact: undefined });
    expect(weigh(make(inexact))).toEqual({ outcome: 'accept', failed: [], isFact: undefined });
  });

  it.each<[string, Omit<SyntheticPictureOptions, 'crypto'>, string[]]>([
    ['another model', { weight: 0.51 }, ['equality']],
    ['another model in an inexact class', { weight: 0.51, ...inexact }, ['output-distance']],
    [
      'outputs that skip all steps but the first',
      { bend: { output: (v, i) => (i > 0 ? v.map(() => 0) : v) } },
      ['equality'],
    ],
    ['a picture of another latent', { bend: { pixels: (pixels) => pixels.map((value) => 255 - value) } }, ['equality']],
    [
      'a picture of another latent in an inexact class',
      { bend: { pixels: (pixels) => pixels.map((value) => 255 - value) }, ...inexact },
      ['pixel-distance'],
    ],
  ])('rejects %s', (_what, options, failed) => {
    expect(weigh(make(options))).toMatchObject({ outcome: 'reject', failed });
  });

  it('doubts a distance between the limits', () => {
    expect(weigh(make({ weight: 0.5001, ...inexact }))).toMatchObject({ outcome: 'inconclusive', failed: [] });
  });

  it.each<[string, Partial<TrajectoryReport>, string]>([
    ['another prompt', { promptTokensHash: new Uint8Array(32) }, 'prompt-tokens'],
    ['another tokenizer', { vocabularyHash: new Uint8Array(32) }, 'model-facts'],
    ['another schedule', { facts: { ...honest.header.facts, scheduler: DIFFUSION } }, 'model-facts'],
    ['more steps of the model', { choices: { ...honest.header.choices, steps: 20 } }, 'model-choices'],
  ])('rejects %s as a fact of every class', (_what, change, id) => {
    expect(weigh(honest, change)).toEqual({ outcome: 'reject', failed: [id], isFact: true });
  });

  it.each<[string, Partial<TrajectoryReport>, RegExp]>([
    ['another job', { jobId: new Uint8Array(16) }, /another job/],
    ['another model', { modelRoot: new Uint8Array(32) }, /another model/],
    ['steps that were not drawn', { steps: honest.report([0, 1]).steps }, /were drawn/],
    ['no steps', { steps: [] }, /were drawn/],
  ])('takes no report about %s', (_what, change, problem) => {
    expect(weigh(honest, change)).toEqual({ problem: expect.stringMatching(problem) });
  });
});

describe('formats', () => {
  it('count the steps that a strength leaves out', () => {
    const leftOut = (steps: number, strength: number) =>
      countLeftOut(steps, { strengthQ16: Math.round(strength * 65_536) });
    expect([leftOut(20, 1), leftOut(20, 0.8), leftOut(20, 0.5), leftOut(20, 0.001), leftOut(1, 0.5)]).toEqual([
      0, 4, 10, 19, 0,
    ]);
    expect(countLeftOut(20, undefined)).toBe(0);
  });

  it('have one encoding of each value', () => {
    const claim = { blind: DRAW, steps: [{ step: 1, latentRoot: DRAW }], finalRoot: DRAW };
    checkCodec(fc.constant(claim), encodeTrajectoryClaim, parseTrajectoryClaim);
    checkCodec(fc.constant(honest.report([1, 3])), encodeTrajectoryReport, parseTrajectoryReport);
    const diffusion = make({ scheduler: DIFFUSION }).header;
    const changed = make({ source: { strengthQ16: 65_536, hasMask: true } });
    checkCodec(
      fc.constantFrom(honest.header, diffusion, changed.header),
      encodeTrajectoryHeader,
      parseTrajectoryHeader,
    );
    checkCodec(fc.constant(changed.report([1, 3])), encodeTrajectoryReport, parseTrajectoryReport);
  });

  it('hold finite values alone', () => {
    expect(decodeValues(encodeValues(Float32Array.of(1, -2.5)), 2)).toEqual(Float32Array.of(1, -2.5));
    expect(() => decodeValues(encodeValues(Float32Array.of(1, Number.NaN)), 2)).toThrow('value 1 is NaN');
    expect(() => decodeValues(new Uint8Array(7), 2)).toThrow('7 bytes are not 2 values');
  });
});

describe('projectValues', () => {
  it('keeps the distance of values', () => {
    const values = Float32Array.from({ length: 5_000 }, (_, i) => Math.sin(i));
    const near = values.map((value, i) => value + 1e-3 * Math.cos(3 * i));
    const distances = Array.from({ length: 32 }, (_, i) => {
      const seed = new Uint8Array(32).fill(i);
      return computeProjectionDistance(projectValues(crypto, seed, values), projectValues(crypto, seed, near)) / 1e-3;
    });
    for (const distance of distances) expect(distance).toBeGreaterThan(0.6);
    for (const distance of distances) expect(distance).toBeLessThan(1.5);
  });

  it('has a distance of zero for equal values alone', () => {
    const seed = new Uint8Array(32);
    const zeros = projectValues(crypto, seed, new Float32Array(100));
    expect(computeProjectionDistance(zeros, zeros)).toBe(0);
    expect(computeProjectionDistance(projectValues(crypto, seed, Float32Array.of(1)), zeros)).toBe(
      Number.POSITIVE_INFINITY,
    );
  });
});
