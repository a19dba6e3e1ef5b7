import type {
  StepOutput,
  TrajectoryEngine,
  TrajectoryRequest,
  TrajectoryStep,
} from '@ogong/engine/interface/trajectory';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import type { GuidancePlan } from '@ogong/protocol/modality/trajectory/guidance-plan';
import { countPlaces } from '@ogong/protocol/modality/trajectory/header';
import { advanceLatent, type StepValues } from '@ogong/protocol/modality/trajectory/schedule/schedule';
import {
  planSchedule,
  SAMPLER_NAMES,
  type SamplerName,
} from '@ogong/protocol/modality/trajectory/schedule/scheduler-config';
import type { LatentSource } from '@ogong/protocol/modality/trajectory/schedule/source';
import { isExactClass } from '@ogong/protocol/tier/exact-class';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

export interface TrajectorySubject {
  readonly name: string;
  open(options: { readonly maxQueue: number }): Promise<TrajectoryEngine>;
  /** Another engine with the same weights in the same class, in another process if the engine has one. */
  openTwin(options: { readonly maxQueue: number }): Promise<TrajectoryEngine>;
  /** Two prompts that the model tells apart. */
  readonly prompts: readonly [string, string];
}

/** Gives the engine that all rules share. A rule that closes its engine, or compares two, asks for one of its own. */
type Open = (other?: 'own' | 'twin') => Promise<TrajectoryEngine>;

export interface TrajectoryRule {
  readonly name: string;
  /** Throws if the engine breaks the rule. */
  readonly test: (open: Open, subject: TrajectorySubject) => Promise<void>;
}

const QUEUE = 2;
const STEPS = 4;
/** Guidance of the steps 1 and 2 of 4, with momentum 0.5. */
const MIDDLE: GuidancePlan = { startQ16: 16_384, endQ16: 49_152, momentumQ16: 32_768 };

/** Samplers that fit the schedule of a model. */
const samplersOf = (engine: TrajectoryEngine): readonly SamplerName[] =>
  SAMPLER_NAMES.filter((name) => (name === 'flow-match') === (engine.info().scheduler.sampler === 'flow-match'));

/** Returns a request of the model's own size. */
export function createPicture(engine: TrajectoryEngine, change: Partial<TrajectoryRequest> = {}): TrajectoryRequest {
  const { size, scheduler } = engine.info();
  const usual = { prompt: '', negativePrompt: '', guidance: 3, steps: STEPS, sampler: scheduler.sampler };
  return { ...usual, ...size, ...change };
}

/** Returns noise of the request's size: values between -2 and 2 from a seed. */
export function createTestNoise(
  engine: TrajectoryEngine,
  { width, height }: Pick<TrajectoryRequest, 'width' | 'height'>,
  seed = 1,
): Float32Array {
  const { latentChannels, latentScale } = engine.info();
  const random = createSeededRandom(seed);
  const length = latentChannels * (width / latentScale) * (height / latentScale);
  return Float32Array.from({ length }, () => 4 * random() - 2);
}

export async function collectSteps(
  engine: TrajectoryEngine,
  request: TrajectoryRequest,
  options: { readonly noise?: Float32Array; readonly source?: LatentSource; readonly signal?: AbortSignal } = {},
): Promise<readonly TrajectoryStep[]> {
  const steps: TrajectoryStep[] = [];
  const noise = createTestNoise(engine, request);
  for await (const step of engine.generate(request, { noise, ...options })) steps.push(step);
  return steps;
}

const hexOf = (values: Float32Array | undefined): string =>
  values === undefined ? 'none' : Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex');
const hexesOf = (steps: readonly TrajectoryStep[]): string[] =>
  steps.flatMap(({ latent, output }) => [hexOf(latent), hexOf(output)]);
const lastOf = (steps: readonly TrajectoryStep[]): Float32Array => (steps.at(-1) as TrajectoryStep).latent;
const refuses = (result: Promise<unknown>, code: string) => expect(result).rejects.toMatchObject({ code });

/** The rules of every engine that makes pictures. */
export const TRAJECTORY_RULES: readonly TrajectoryRule[] = [
  {
    name: 'describes itself',
    async test(open) {
      const engine = await open();
      const info = engine.info();
      expect(engine.specificationVersion).toBe('trajectory-v1');
      expect([info.modelRoot.length, info.vocabularyHash.length]).toEqual([32, 32]);
      expect([info.exact, isExactClass(info.numericClass)]).toEqual([true, true]);
      expect([info.size.width % info.sizeStep, info.sizeStep % info.latentScale]).toEqual([0, 0]);
      expect(info.mostPixels).toBeGreaterThanOrEqual(info.size.width * info.size.height);
    },
  },
  {
    name: 'yields every latent as the schedule moves it, with every sampler of its kind',
    async test(open, { prompts }) {
      const engine = await open();
      for (const sampler of samplersOf(engine)) {
        const request = createPicture(engine, { prompt: prompts[0], sampler });
        const noise = createTestNoise(engine, request);
        const steps = await collectSteps(engine, request, { noise });
        expect(steps.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4]);
        expect(steps.map(({ output }) => output === undefined)).toEqual([false, false, false, false, true]);
        const plan = planSchedule(engine.info().scheduler, STEPS, sampler, {
          places: countPlaces(request, engine.info()),
        });
        expect(hexOf(steps[0]?.latent)).toBe(hexOf(noise.map((value) => value * plan.noiseScale)));
        for (const [i, row] of plan.steps.entries()) {
          const [before, now, next] = [steps[i - 1], steps[i], steps[i + 1]] as [
            ...[Required<TrajectoryStep> | undefined, Required<TrajectoryStep>, TrajectoryStep],
          ];
          expect(hexOf(next.latent)).toBe(hexOf(advanceLatent(row, now, before)));
        }
        expect(hexOf(noise)).toBe(hexOf(createTestNoise(engine, request)));
      }
    },
  },
  {
    name: 'computes a step again with the bits of its picture, with every sampler of its kind',
    async test(open, { prompts }) {
      const engine = await open();
      for (const sampler of samplersOf(engine)) {
        const request = createPicture(engine, { prompt: prompts[0], negativePrompt: prompts[1], sampler });
        for (const { step, latent, output } of (await collectSteps(engine, request)).slice(0, STEPS)) {
          const again = await engine.runStep(request, { step, latent });
          expect(hexOf(again.output)).toBe(hexOf(output));
          expect(again).toMatchObject({ numericClass: engine.info().numericClass, exact: true });
        }
      }
    },
  },
  {
    name: 'computes what another engine of its model and class computes',
    async test(open, { prompts }) {
      const [engine, twin] = [await open(), await open('twin')];
      expect(twin.info()).toEqual(engine.info());
      const request = createPicture(engine, { prompt: prompts[0] });
      const [own, other] = [await collectSteps(engine, request), await collectSteps(twin, request)];
      expect(hexesOf(other)).toEqual(hexesOf(own));
      expect(await twin.decode(lastOf(other), request)).toEqual(await engine.decode(lastOf(own), request));
    },
  },
  {
    name: 'computes the same bits alone and beside another picture',
    async test(open, { prompts }) {
      const engine = await open();
      const requests = prompts.map((prompt) => createPicture(engine, { prompt }));
      const alone: string[][] = [];
      for (const request of requests) alone.push(hexesOf(await collectSteps(engine, request)));
      const beside = await Promise.all(requests.map((request) => collectSteps(engine, request)));
      expect(beside.map(hexesOf)).toEqual(alone);
      expect(alone[0]).not.toEqual(alone[1]);
    },
  },
  {
    name: 'guides by the fixed formula, and reads no negative prompt without guidance',
    async test(open, { prompts }) {
      const engine = await open();
      const [prompt, negativePrompt] = prompts;
      const latent = createTestNoise(engine, engine.info().size);
      const outputOf = async (change: Partial<TrajectoryRequest>): Promise<Float32Array> =>
        (await engine.runStep(createPicture(engine, change), { step: 1, latent })).output;
      if (!engine.info().hasNegative) {
        const alone = await outputOf({ prompt, guidance: 2.5 });
        expect(hexOf(await outputOf({ prompt, negativePrompt, guidance: 2.5 }))).toBe(hexOf(alone));
        return;
      }
      const positive = await outputOf({ prompt, guidance: 1 });
      const negative = await outputOf({ prompt: negativePrompt, guidance: 1 });
      const guided = await outputOf({ prompt, negativePrompt, guidance: 2.5 });
      expect(hexOf(guided)).toBe(hexOf(negative.map((n, i) => n + 2.5 * ((positive[i] as number) - n))));
      expect(hexOf(await outputOf({ prompt, negativePrompt, guidance: 1 }))).toBe(hexOf(positive));
      expect(hexOf(await outputOf({ prompt, negativePrompt, guidance: 0 }))).toBe(hexOf(positive));
    },
  },
  {
    name: 'guides the steps of a window alone, and yields both answers of a step with momentum',
    async test(open, { prompts }) {
      const engine = await open();
      const [prompt, negativePrompt] = prompts;
      const request = createPicture(engine, { prompt, negativePrompt, guidancePlan: MIDDLE });
      if (!engine.info().hasNegative) {
        await refuses(collectSteps(engine, request), 'invalid-request');
        return;
      }
      await refuses(collectSteps(engine, { ...request, guidance: 1 }), 'invalid-request');
      const steps = (await collectSteps(engine, request)) as readonly Required<TrajectoryStep>[];
      const windowed = await collectSteps(engine, { ...request, guidancePlan: { ...MIDDLE, momentumQ16: 0 } });
      const plan = planSchedule(engine.info().scheduler, STEPS, request.sampler, {
        places: countPlaces(request, engine.info()),
      });
      const answerOf = async (text: string, at: TrajectoryStep): Promise<Float32Array> =>
        (await engine.runStep(createPicture(engine, { prompt: text, guidance: 1 }), at)).output;
      let momentum: Float32Array | undefined;
      let before: StepValues | undefined;
      for (const [i, row] of plan.steps.entries()) {
        const { step, latent, output } = steps[i] as Required<TrajectoryStep>;
        const isInside = i === 1 || i === 2;
        const [p, n] = [await answerOf(prompt, { step, latent }), await answerOf(negativePrompt, { step, latent })];
        expect(hexOf(output)).toBe(isInside ? hexOf(p) + hexOf(n) : hexOf(p));
        expect(hexOf((await engine.runStep(request, { step, latent })).output)).toBe(hexOf(output));
        const apart = p.map((value, at) => value - (n[at] as number) + 0.5 * (momentum?.[at] ?? 0));
        momentum = isInside ? apart : undefined;
        const guided = momentum ? p.map((value, at) => value + 2 * (apart[at] as number)) : p;
        expect(hexOf((steps[i + 1] as TrajectoryStep).latent)).toBe(
          hexOf(advanceLatent(row, { latent, output: guided }, before)),
        );
        before = { latent, output: guided };
      }
      expect(windowed[1]?.latent).toEqual(steps[1]?.latent);
      expect(windowed[1]?.output).toHaveLength(steps[0]?.output.length ?? 0);
    },
  },
  {
    name: 'decodes a latent to the pixels of a picture',
    async test(open, { prompts }) {
      const engine = await open();
      const request = createPicture(engine, { prompt: prompts[0] });
      const pixels = await engine.decode(lastOf(await collectSteps(engine, request)), request);
      expect(pixels).toBeInstanceOf(Uint8Array);
      expect(pixels).toHaveLength(request.width * request.height * 3);
      expect(new Set(pixels).size).toBeGreaterThan(1);
    },
  },
  {
    name: 'computes other sizes, or refuses them',
    async test(open) {
      const engine = await open();
      const { size, sizeStep, hasFixedSize } = engine.info();
      const request = createPicture(engine, { width: size.width + sizeStep });
      const pixels = collectSteps(engine, request).then((steps) => engine.decode(lastOf(steps), request));
      if (hasFixedSize) await refuses(pixels, 'invalid-request');
      else expect(await pixels).toHaveLength(request.width * request.height * 3);
    },
  },
  {
    name: 'refuses requests that the model cannot run',
    async test(open) {
      const engine = await open();
      const { size, mostPixels, scheduler, sizeStep } = engine.info();
      const wrong: Partial<TrajectoryRequest>[] = [
        ...[{ steps: 0 }, { steps: 1.5 }, { steps: 100_000 }, { guidance: Number.NaN }, { guidance: 1e9 }],
        ...[{ width: size.width + 1 }, { width: 0 }, { height: -sizeStep }, { width: sizeStep * mostPixels }],
        { sampler: scheduler.sampler === 'flow-match' ? 'ddim' : 'flow-match' },
        { sampler: 'none' as SamplerName },
        { prompt: 'a'.repeat(100_000) },
      ];
      const noise = createTestNoise(engine, size);
      for (const change of wrong)
        await refuses(collectSteps(engine, createPicture(engine, change), { noise }), 'invalid-request');
      const request = createPicture(engine);
      const broken = [noise.subarray(1), noise.map((value, i) => (i === 3 ? Number.NaN : value))];
      for (const latent of broken) {
        await refuses(collectSteps(engine, request, { noise: latent }), 'invalid-request');
        await refuses(engine.runStep(request, { step: 0, latent }), 'invalid-request');
        await refuses(engine.decode(latent, size), 'invalid-request');
      }
      for (const step of [-1, STEPS, 0.5])
        await refuses(engine.runStep(request, { step, latent: noise }), 'invalid-request');
      expect(await collectSteps(engine, request)).toHaveLength(STEPS + 1);
    },
  },
  {
    name: 'says that it is exact for its own class alone',
    async test(open, { prompts }) {
      const engine = await open();
      const { numericClass, size } = engine.info();
      const latent = createTestNoise(engine, size);
      const run = (claimed: string): Promise<StepOutput> =>
        engine.runStep(createPicture(engine, { prompt: prompts[0] }), { step: 0, latent }, { numericClass: claimed });
      expect(await run(numericClass)).toMatchObject({ exact: true, numericClass });
      expect(await run(`${numericClass}-2`)).toMatchObject({ exact: false, numericClass });
    },
  },
  {
    name: 'makes tokens of a prompt, and cuts it at the context',
    async test(open, { prompts }) {
      const engine = await open();
      const [one, other] = [await engine.tokenize(prompts[0]), await engine.tokenize(prompts[1])];
      expect(one).not.toEqual(other);
      const { contextSize } = engine.info();
      const long = await engine.tokenize(`${prompts[0]} `.repeat(contextSize));
      expect(long.length).toBeLessThanOrEqual(contextSize);
      expect(long.length).toBeGreaterThan(one.length);
    },
  },
  {
    name: 'refuses more than its queue holds, retryably',
    async test(open) {
      const engine = await open();
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, () => collectSteps(engine, createPicture(engine))),
      );
      const refused = results.filter((result) => result.status === 'rejected');
      expect(refused.length).toBeGreaterThan(0);
      expect(refused.length).toBeLessThan(8);
      for (const { reason } of refused) expect(reason).toMatchObject({ code: 'overloaded', retryable: true });
    },
  },
  {
    name: 'stops when it is cancelled or no longer read, and makes the next picture',
    async test(open) {
      const engine = await open();
      const request = createPicture(engine, { steps: 500 });
      const controller = new AbortController();
      const seen: number[] = [];
      const running = (async () => {
        const noise = createTestNoise(engine, request);
        for await (const { step } of engine.generate(request, { noise, signal: controller.signal })) {
          seen.push(step);
          if (step === 1) controller.abort();
        }
      })();
      await refuses(running, 'cancelled');
      expect(seen).toEqual([0, 1]);
      await refuses(collectSteps(engine, request, { signal: AbortSignal.abort() }), 'cancelled');
      for await (const { step } of engine.generate(request, { noise: createTestNoise(engine, request) })) {
        if (step === 1) break;
      }
      expect(await collectSteps(engine, createPicture(engine))).toHaveLength(STEPS + 1);
    },
  },
  {
    name: 'fails what runs when it is closed, and everything after',
    async test(open) {
      const engine = await open('own');
      const request = createPicture(engine, { steps: 500 });
      const running = collectSteps(engine, request);
      running.catch(() => undefined);
      await engine.close();
      await refuses(running, 'engine-closed');
      await refuses(engine.tokenize('a'), 'engine-closed');
      await engine.close();
    },
  },
];

export function describeTrajectoryEngine(subject: TrajectorySubject): void {
  describe(subject.name, () => {
    const options = { maxQueue: QUEUE };
    let shared: TrajectoryEngine | undefined;
    beforeAll(async () => {
      shared = await subject.open(options);
    });
    afterAll(() => shared?.close());
    const open: Open = async (other) => {
      if (other === undefined) return shared as TrajectoryEngine;
      const engine = await (other === 'own' ? subject.open(options) : subject.openTwin(options));
      onTestFinished(() => engine.close());
      return engine;
    };
    it.each(TRAJECTORY_RULES)('$name', ({ test }) => test(open, subject));
  });
}
