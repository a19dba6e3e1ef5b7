import { checkCodec } from '@ogong/testing/protocol/codec-compliance';
import { createSyntheticPicture, type SyntheticPictureOptions } from '@ogong/testing/synthetic/synthetic-picture';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equalBytes, utf8Encode } from '../../base/bytes.ts';
import type { Check } from '../../base/checks.ts';
import { encodeOpening } from '../../commitment/opening.ts';
import { nobleCrypto as crypto } from '../../crypto/noble.ts';
import { openShown } from '../../verdict/opened-reply.ts';
import { encodeValues } from '../shared/values.ts';
import { drawAuditedSteps } from './audit-job.ts';
import { type GuidancePlan, planGuidance } from './guidance-plan.ts';
import { encodeTrajectoryHeader, parseTrajectoryHeader, type TrajectoryHeader } from './header.ts';
import { computeValuesRoot } from './links.ts';
import { projectValues } from './projection.ts';
import { encodeTrajectoryReport, type TrajectoryReport } from './report.ts';
import { parsePictureRequest } from './request.ts';
import { encodePictureSummary, parsePictureSummary } from './request-summary.ts';
import { guideStep, joinAnswers } from './schedule/momentum.ts';
import type { SchedulerConfig } from './schedule/scheduler-config.ts';
import { trajectory } from './trajectory.ts';
import { formatTrajectory } from './trajectory-format.ts';

type Options = Omit<SyntheticPictureOptions, 'crypto'>;

/** Steps 1 to 3 of 5, with momentum 0.5. */
const PLAN: GuidancePlan = { startQ16: 13_107, endQ16: 52_429, momentumQ16: 32_768 };
const make = (options: Options = {}) => createSyntheticPicture({ crypto, guidancePlan: PLAN, ...options });
const honest = make();
const DRAW = new Uint8Array(32).fill(0xd7);
const failures = (checks: readonly Check[]): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
const replay = ({ record, opening, blobs }: typeof honest) => trajectory.replay(crypto, record, opening, { blobs });
const nudge = (values: Float32Array): Float32Array => values.map((value, i) => (i === 5 ? value + 1e-3 : value));
const DIFFUSION: SchedulerConfig = {
  kind: 'diffusion',
  sampler: 'ddim',
  settings: {
    ...{ trainSteps: 1000, betaStart: 0.00085, betaEnd: 0.012, betaSchedule: 'scaled_linear', prediction: 'epsilon' },
    ...{ spacing: 'leading', stepsOffset: 1, endsClean: false },
  },
};

describe('parsePictureRequest', () => {
  const parse = (fields: object) =>
    parsePictureRequest(utf8Encode(JSON.stringify({ model: 'ogong/verified/a/b', prompt: 'a', ...fields })));

  it('reads a window and momentum in units of 1/65,536, and the usual guidance as no plan', () => {
    const fields = { guidance: 4, guidance_start: 0.2, guidance_end: 0.8, guidance_momentum: -0.5 };
    expect(parse(fields).guidancePlan).toEqual({ startQ16: 13_107, endQ16: 52_429, momentumQ16: -32_768 });
    expect(parse({ guidance_end: 0.5 }).guidancePlan).toEqual({ startQ16: 0, endQ16: 32_768, momentumQ16: 0 });
    for (const usual of [{}, { guidance_start: 0, guidance_end: 1 }, { guidance_momentum: -1e-9 }])
      expect(parse(usual).guidancePlan).toBeUndefined();
  });

  it.each([
    ['a window that ends before it starts', { guidance_start: 0.5, guidance_end: 0.5 }, 'guidance_end'],
    ['a share above 1', { guidance_end: 1.5 }, 'guidance_end'],
    ['a share below 0', { guidance_start: -0.1 }, 'guidance_start'],
    ['momentum 1', { guidance_momentum: 1 }, 'guidance_momentum'],
    ['momentum -1', { guidance_momentum: -1 }, 'guidance_momentum'],
    ['momentum that rounds to 1', { guidance_momentum: 0.999_999 }, 'guidance_momentum'],
    ['momentum without guidance', { guidance: 1, guidance_momentum: 0.5 }, 'guidance_momentum'],
  ])('refuses %s', (_what, fields, param) => {
    expect(() => parse(fields)).toThrow(expect.objectContaining({ param }));
  });

  it('has another summary for each plan', () => {
    const bodyHash = new Uint8Array(32).fill(1);
    const requests = [{}, { guidance_start: 0.2 }, { guidance_momentum: 0.5 }].map((fields) => ({
      ...parse(fields),
      bodyHash,
    }));
    const encode = ({ bodyHash: hash, ...asked }: (typeof requests)[number]) => encodePictureSummary(asked, hash);
    expect(new Set(requests.map((one) => encode(one).join())).size).toBe(3);
    const known = requests.map((one) => parsePictureSummary(encode(one)));
    checkCodec(fc.constantFrom(...known), (one) => encodePictureSummary(one, one.bodyHash), parsePictureSummary);
  });
});

describe('planGuidance', () => {
  it('guides the steps from start N up to end N, for all shares in hundredths', () => {
    for (const steps of [1, 2, 3, 5, 7, 10, 20, 28, 50, 99, 150])
      for (let start = 0; start < 100; start += 1)
        for (const end of [start + 1, 50, 80, 100].filter((one) => one > start)) {
          const [startQ16, endQ16] = [start, end].map((share) => Math.floor((share / 100) * 65_536 + 0.5)) as [
            number,
            number,
          ];
          const plan = planGuidance({ guidance: 3, steps, guidancePlan: { startQ16, endQ16, momentumQ16: 0 } });
          const inside = plan.flatMap(({ factor }, i) => (factor === 3 ? [i] : []));
          const wanted = [...plan.keys()].filter((i) => 100 * i >= start * steps && 100 * i < end * steps);
          expect(inside).toEqual(wanted);
        }
  });

  it('counts the steps that are left out', () => {
    const steps = planGuidance({ guidance: 3, steps: 4, leftOut: 1, guidancePlan: { ...PLAN, startQ16: 32_768 } });
    expect(steps).toEqual([
      { factor: 1, momentum: undefined },
      { factor: 3, momentum: 0.5 },
      { factor: 3, momentum: 0.5 },
    ]);
  });
});

describe('guideStep', () => {
  it('adds the guidance of the steps before', () => {
    const guidance = { factor: 3, momentum: 0.5 };
    const first = guideStep(guidance, Float32Array.of(2, 1, 1, 1));
    expect(first).toEqual({ output: Float32Array.of(4, 1), state: Float32Array.of(1, 0) });
    const second = guideStep(guidance, joinAnswers(Float32Array.of(1, 1), Float32Array.of(0, 3)), first.state);
    expect(second).toEqual({ output: Float32Array.of(4, -3), state: Float32Array.of(1.5, -2) });
  });

  it('returns a guided output unchanged', () => {
    const output = Float32Array.of(1);
    expect(guideStep({ factor: 1, momentum: undefined }, output, output)).toEqual({ output, state: undefined });
  });

  it('refuses answers of another length than the momentum', () => {
    expect(() => guideStep({ factor: 2, momentum: 0.5 }, new Float32Array(3))).toThrow('two answers');
    expect(() => guideStep({ factor: 2, momentum: 0.5 }, new Float32Array(4), new Float32Array(1))).toThrow(
      'a momentum',
    );
  });
});

describe('stage 1', () => {
  it.each<[string, Options]>([
    ['a sampler of one step', {}],
    ['a sampler of two steps', { scheduler: DIFFUSION, sampler: 'dpm-solver++' }],
    ['a changed picture with a mask', { source: { strengthQ16: 52_429, hasMask: true } }],
    ['a window alone', { guidancePlan: { ...PLAN, momentumQ16: 0 } }],
  ])('replays %s', (_what, options) => {
    expect(failures(replay(make(options)).checks)).toEqual([]);
  });

  it('names both answers of a step with momentum, and one output of any other', () => {
    const bytes = 4 * honest.header.embeddingSize;
    expect(trajectory.listReplayBlobs(honest.opening).map((blob) => blob.bytes / bytes)).toEqual([1, 2, 2, 2, 1]);
    expect(formatTrajectory(honest.opening)).toMatchObject({ choices: { guidance_momentum: 0.5 } });
  });

  const withGuidance = (change: object): Options['bend'] => ({
    guide: (guidance) => (guidance.momentum === undefined ? guidance : { ...guidance, ...change }),
  });
  it.each<[string, Options['bend'], string, number]>([
    ['no momentum in the latents', withGuidance({ momentum: 0 }), 'links', 2],
    ['another momentum', withGuidance({ momentum: 0.25 }), 'links', 2],
    ['another guidance', withGuidance({ factor: 2.9 }), 'links', 3],
    ['another state', { state: (state, step) => (step === 2 ? nudge(state) : state) }, 'links', 2],
  ])('refutes %s by the values of that step', (_what, bend = {}, id, count) => {
    const bent = make({ bend });
    const { checks, refutedBy = [] } = replay(bent);
    expect([failures(checks), refutedBy.length]).toEqual([[id], count]);
    const shown = openShown(crypto, bent.record, { opening: encodeOpening(bent.opening), blobs: refutedBy });
    expect([shown?.outcome, failures(shown?.reply.checks ?? [])]).toEqual(['refuted', [id]]);
  });

  it('refutes a merged output in place of both answers by this output', () => {
    const merged = new Float32Array(192).fill(0.5);
    const bytes = encodeValues(merged);
    const outputRoot = computeValuesRoot(crypto, honest.opening.blind, merged);
    const projection = projectValues(crypto, honest.header.sketchBankSeed, merged);
    const bent = make({
      bend: {
        leaves: ({ steps, finalRoot }) => ({
          finalRoot,
          steps: steps.map((step, i) => (i === 2 ? { ...step, outputRoot, projection } : step)),
        }),
      },
    });
    const blobs = (root: Uint8Array) => (equalBytes(root, outputRoot) ? bytes : bent.blobs(root));
    const { checks, refutedBy } = trajectory.replay(crypto, bent.record, bent.opening, { blobs });
    expect([failures(checks), refutedBy]).toEqual([['links'], [bytes]]);
  });

  it.each<[string, Options, number]>([
    ['a sampler of two steps', { scheduler: DIFFUSION, sampler: 'dpm-solver++' }, 6],
    ['a mask', { source: { strengthQ16: 65_536, hasMask: true } }, 5],
    [
      'a mask and a sampler of two steps',
      { scheduler: DIFFUSION, sampler: 'dpm-solver++', source: { strengthQ16: 65_536, hasMask: true } },
      8,
    ],
  ])('shows a broken latent of %s with the momentum', (_what, options, count) => {
    const bent = make({ ...options, bend: { latent: (latent, i) => (i === 3 ? nudge(latent) : latent) } });
    const { checks, refutedBy = [] } = replay(bent);
    expect([failures(checks), refutedBy.length]).toEqual([['links'], count]);
    const shown = openShown(crypto, bent.record, { opening: encodeOpening(bent.opening), blobs: refutedBy });
    expect([shown?.outcome, failures(shown?.reply.checks ?? [])]).toEqual(['refuted', ['links']]);
  });

  it('is refuted by the values of no step of its own', () => {
    const { outputs, latents, opening, record, blobs, leaves } = honest;
    for (let step = 0; step < 5; step++) {
      const states = [step - 1, step].flatMap((at) => leaves.steps[at]?.stateRoot ?? []).map((root) => blobs(root)!);
      const own = [latents[step]!, outputs[step]!].map(encodeValues);
      const held = openShown(crypto, record, { opening: encodeOpening(opening), blobs: [...own, ...states] });
      expect(held?.outcome).toBe('consistent');
    }
  });

  it.each<[string, Options['bend']]>([
    ['momentum outside the window', { guide: (guidance) => ({ ...guidance, factor: 3, momentum: 0.5 }) }],
    ['no momentum in the window', { guide: (guidance) => ({ ...guidance, momentum: undefined }) }],
  ])('refutes leaves of %s by their form', (_what, bend = {}) => {
    expect(failures(replay(make({ bend })).checks)).toEqual(['commitment-form']);
  });

  it.each<[string, Partial<TrajectoryHeader['choices']>, RegExp]>([
    ['momentum without guidance', { guidanceQ16: 65_536 }, /guidance above 1/],
    ['an empty window', { guidancePlan: { ...PLAN, endQ16: 13_107 } }, /ends before it starts/],
    ['a plan of the usual guidance', { guidancePlan: { startQ16: 0, endQ16: 65_536, momentumQ16: 0 } }, /usual/],
    ['momentum 1', { guidancePlan: { ...PLAN, momentumQ16: 65_536 } }, /65536/],
  ])('refuses a header of %s', (_what, change, message) => {
    const choices = { ...honest.header.choices, ...change };
    expect(() => encodeTrajectoryHeader({ ...honest.header, choices })).toThrow(message);
  });

  it('has one encoding of each header', () => {
    const plain = make({ guidancePlan: { ...PLAN, momentumQ16: 0 } }).header;
    checkCodec(fc.constantFrom(honest.header, plain), encodeTrajectoryHeader, parseTrajectoryHeader);
  });
});

describe('stage 2', () => {
  const weigh = (picture: typeof honest, change: Partial<TrajectoryReport> = {}) => {
    const reply = replay(picture);
    expect(failures(reply.checks)).toEqual([]);
    const drawn = drawAuditedSteps(crypto, {
      ...{ draw: DRAW, replyId: picture.record.replyId, steps: picture.leaves.steps },
    });
    const bytes = encodeTrajectoryReport(picture.report(drawn, change));
    const read = reply.readReport(bytes, { jobId: new Uint8Array(16).fill(1), draw: DRAW, contextSize: 0 });
    if ('problem' in read) throw new Error(read.problem);
    const { outcome, checks } = read.weigh({});
    return { outcome, failed: failures(checks) };
  };
  const inexact = { numericClass: 'fake-1/js/f64/fast/hash/kv-none' };
  /** Puts the answer of the prompt in the place of the other one. */
  const repeat = (output: Float32Array): Float32Array =>
    output.length === 192 ? output : joinAnswers(output.subarray(0, 192), output.subarray(0, 192));

  it('accepts both answers, bit for bit in an exact class and by distance in another one', () => {
    expect(weigh(honest)).toEqual({ outcome: 'accept', failed: [] });
    expect(weigh(make(inexact))).toEqual({ outcome: 'accept', failed: [] });
  });

  it('rejects one answer that stands for both', () => {
    expect(weigh(make({ bend: { output: repeat } }))).toEqual({ outcome: 'reject', failed: ['equality'] });
    const failed = ['output-distance'];
    expect(weigh(make({ ...inexact, bend: { output: repeat } }))).toEqual({ outcome: 'reject', failed });
  });

  it.each<[string, TrajectoryHeader['choices']['guidancePlan']]>([
    ['no plan', undefined],
    ['another window', { ...PLAN, endQ16: 65_536 }],
    ['another momentum', { ...PLAN, momentumQ16: 1 }],
  ])('rejects %s as a fact of every class', (_what, guidancePlan) => {
    const choices = { ...honest.header.choices, guidancePlan };
    expect(weigh(honest, { choices })).toEqual({ outcome: 'reject', failed: ['model-choices'] });
  });
});
