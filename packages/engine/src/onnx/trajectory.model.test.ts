import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { hashModelFolder, inspectModelFolder } from '@ogong/models/model-folder';
import {
  collectSteps,
  createPicture,
  createTestNoise,
  describeTrajectoryEngine,
} from '@ogong/testing/engine/trajectory-compliance';
import { encodeOnnx } from '@ogong/testing/models/onnx-bytes';
import {
  copyPictureModel,
  pathOfPictureModel,
  TINY_PICTURE_MODELS,
  type TinyPictureModel,
} from '@ogong/testing/models/picture-folder';
import { RANDOM_PICTURES, writeRandomPictures } from '@ogong/testing/models/random-pictures';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import type { TrajectoryStep } from '../interface/trajectory.ts';
import { openEngine } from '../open-engine.ts';
import type { OnnxBackend } from './numeric-class.ts';
import { findOnnxRuntime } from './runtime/packages.ts';
import { type OnnxTrajectoryEngine, type OnnxTrajectoryOptions, openTrajectoryEngine } from './trajectory-engine.ts';

const engineDir = join(homedir(), '.ogong', 'engine');
const PROMPTS = ['a large red circle', 'a small cyan square'] as const;
const [UNET, FLOW] = TINY_PICTURE_MODELS;
const directory = createTestDirectory('onnx');
afterAll(() => directory.remove());

/** Explains why a back end is not tested here; undefined if it is. */
function explainAbsence(backend: OnnxBackend): string | undefined {
  if (findOnnxRuntime(backend, engineDir) === undefined)
    return `no ONNX Runtime (${backend}) in ${engineDir}; node scripts/run.mjs scripts/bring-onnx.ts brings it`;
  const platform = `${process.platform}-${process.arch}`;
  return backend === 'cpu' && platform !== 'linux-x64' ? `the native class is unproven on ${platform}` : undefined;
}
const describeBackend = (backends: readonly OnnxBackend[], name: string, tests: () => void): void => {
  const absence = backends.map(explainAbsence).find((each) => each !== undefined);
  describe.skipIf(absence !== undefined)(absence === undefined ? name : `${name} (skipped: ${absence})`, tests);
};

async function open(
  model: TinyPictureModel,
  options: Partial<OnnxTrajectoryOptions> = {},
): Promise<OnnxTrajectoryEngine> {
  const engine = await openTrajectoryEngine({ modelPath: pathOfPictureModel(model), engineDir, ...options });
  onTestFinished(() => engine.close());
  return engine;
}

const shared = new Map<string, Promise<OnnxTrajectoryEngine>>();
afterAll(async () => {
  for (const engine of shared.values()) await (await engine).close();
});
/** Returns the engine of all tests that end no process and change no file. */
function share(model: TinyPictureModel, backend: OnnxBackend = 'cpu'): Promise<OnnxTrajectoryEngine> {
  const key = `${model} ${backend}`;
  const engine = shared.get(key) ?? openTrajectoryEngine({ modelPath: pathOfPictureModel(model), backend, engineDir });
  shared.set(key, engine);
  return engine;
}

const hexOf = (values: Float32Array): string =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex');

/** Relative L2 distance. */
function distanceOf(values: Float32Array, reference: Float32Array): number {
  let [difference, length] = [0, 0];
  for (const [i, value] of reference.entries()) {
    difference += ((values[i] as number) - value) ** 2;
    length += value ** 2;
  }
  return Math.sqrt(difference / length);
}

for (const backend of ['cpu', 'wasm'] as const) {
  describeBackend([backend], `ONNX Runtime, ${backend}:`, () => {
    // The UNet is slow in WebAssembly; its bits there are compared below.
    for (const model of backend === 'cpu' ? TINY_PICTURE_MODELS : [FLOW]) {
      const openOne = ({ maxQueue }: { readonly maxQueue: number }) =>
        openTrajectoryEngine({ modelPath: pathOfPictureModel(model), backend, maxQueue, engineDir });
      describeTrajectoryEngine({ name: model, open: openOne, openTwin: openOne, prompts: PROMPTS });
    }

    // The trained models have the form of `sd`.
    for (const kind of RANDOM_PICTURES.filter((each) => each !== 'sd')) {
      const modelPath = writeRandomPictures(kind, join(directory.path, backend));
      const openOne = ({ maxQueue }: { readonly maxQueue: number }) =>
        openTrajectoryEngine({ modelPath, backend, maxQueue, engineDir });
      const prompts = ['a red', 'a blue'] as const;
      describeTrajectoryEngine({ name: `random ${kind}`, open: openOne, openTwin: openOne, prompts });
    }

    it('encodes a picture, whose latent is decoded to nearly the same picture', async () => {
      const engine = await share(FLOW, backend);
      const size = { width: 32, height: 32 };
      const [prompt] = PROMPTS;
      const asked = createPicture(engine, { prompt, steps: 8 });
      const steps = await collectSteps(engine, asked);
      const pixels = await engine.decode((steps.at(-1) as TrajectoryStep).latent, size);
      const { latent, exact, numericClass } = await engine.encode(pixels, size);
      expect([exact, numericClass]).toEqual([true, engine.info().numericClass]);
      const again = await engine.decode(latent, size);
      const off = again.reduce((sum, value, i) => sum + Math.abs(value - (pixels[i] as number)), 0) / again.length;
      expect(off).toBeLessThan(12);
      expect(hexOf((await engine.encode(pixels, size)).latent)).toBe(hexOf(latent));
      const mask = Float32Array.from({ length: latent.length / engine.info().latentChannels }, (_, i) => i % 2);
      const changed = await collectSteps(engine, { ...asked, leftOut: 4 }, { source: { latent, mask } });
      expect(changed).toHaveLength(5);
      const final = (changed.at(-1) as TrajectoryStep).latent;
      expect(final.filter((_, i) => i % 2 === 0)).toEqual(latent.filter((_, i) => i % 2 === 0));
    });

    it.each([
      // Of these many steps, the one with this index has the time of PyTorch's pass.
      [UNET, { steps: 999, step: 499 }],
      [FLOW, { steps: 1_000, step: 500 }],
    ] as const)('%s computes what PyTorch computes, up to rounding', async (model, { steps, step }) => {
      const engine = await share(model, backend);
      // Latent, output and states of this prompt at time 500, of the network before it was exported.
      const torch = JSON.parse(readFileSync(join(pathOfPictureModel(model), 'torch_ref.json'), 'utf8'));
      const request = createPicture(engine, { prompt: 'a small red circle', guidance: 1, steps });
      const { output } = await engine.runStep(request, { step, latent: Float32Array.from(torch.z) });
      // Honest kernels differ by 7e-6 at most, and the least cheat by 1.3e-4 (docs/adr/pictures.md).
      expect(distanceOf(output, Float32Array.from(torch.y))).toBeLessThan(1e-5);
    });

    it.each(TINY_PICTURE_MODELS)('%s draws the colour of its prompt', async (model) => {
      const engine = await share(model, backend);
      for (const [prompt, isColour] of [
        ['a large red circle', (r: number, g: number, b: number) => r > 150 && g < 100 && b < 100],
        ['a large blue square', (r: number, g: number, b: number) => b > 150 && r < 100 && g < 130],
      ] as const) {
        const request = createPicture(engine, { prompt, steps: 12 });
        const steps = await collectSteps(engine, request, { noise: createTestNoise(engine, request, 3) });
        const pixels = await engine.decode((steps.at(-1) as TrajectoryStep).latent, request);
        const count = Array.from({ length: pixels.length / 3 }, (_, i) =>
          isColour(...([...pixels.subarray(3 * i, 3 * i + 3)] as [number, number, number])),
        ).filter(Boolean).length;
        expect(count).toBeGreaterThan(100);
        expect(count).toBeLessThan(600);
      }
    });
  });
}

describeBackend(['cpu', 'wasm'], 'a claim of another class', () => {
  const stepOf = async (engine: OnnxTrajectoryEngine, numericClass?: string) => {
    const request = createPicture(engine, { prompt: PROMPTS[0], negativePrompt: PROMPTS[1] });
    const at = { step: 1, latent: createTestNoise(engine, request) };
    return engine.runStep(request, at, numericClass === undefined ? {} : { numericClass });
  };

  it.each(TINY_PICTURE_MODELS)('%s: is computed again in its class, to the bit', async (model) => {
    const [native, wasm] = [await share(model), await share(model, 'wasm')];
    const own = await stepOf(native);
    const portable = await stepOf(wasm);
    expect(hexOf(own.output)).not.toBe(hexOf(portable.output));
    expect(distanceOf(own.output, portable.output)).toBeLessThan(1e-5);
    const { numericClass } = wasm.info();
    const again = await stepOf(native, numericClass);
    expect(again).toMatchObject({ numericClass, exact: true });
    expect(hexOf(again.output)).toBe(hexOf(portable.output));
    const back = await stepOf(wasm, native.info().numericClass);
    expect(back).toMatchObject({ numericClass: native.info().numericClass, exact: true });
    expect(hexOf(back.output)).toBe(hexOf(own.output));
    expect(hexOf((await stepOf(native)).output)).toBe(hexOf(own.output));
    // A latent far from a picture, so that pixels stand near the middle of a step.
    const latent = createTestNoise(native, native.info().size, 7).map((value) => value / 8);
    const pixels = await wasm.decode(latent, wasm.info().size);
    expect(await native.decode(latent, native.info().size, { numericClass })).toEqual(pixels);
  });

  it('with another number of threads is computed with that number', async () => {
    const [one, two] = [await open(UNET, { threads: 1 }), await open(UNET, { threads: 2 })];
    const { numericClass } = two.info();
    expect(numericClass).toBe(one.info().numericClass.replace('-t1/', '-t2/'));
    const claimed = await stepOf(one, numericClass);
    expect(claimed).toMatchObject({ numericClass, exact: true });
    expect(hexOf(claimed.output)).toBe(hexOf((await stepOf(two)).output));
  });

  it.each([
    ['another CPU', (text: string) => text.replace('/avx', '/avx1024-')],
    ['another release', (text: string) => text.replace('1.30.0', '1.29.0')],
    ['other weights', (text: string) => text.replace('/f32/', '/f16/')],
    ['an unproven one', (text: string) => `${text}/unproven`],
    ['another engine', () => 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16'],
    ['no class at all', () => 'anything'],
  ])('of %s is computed in the own class, and not called exact', async (_what, change) => {
    const engine = await share(FLOW);
    const { numericClass } = engine.info();
    expect(await stepOf(engine, change(numericClass))).toMatchObject({ numericClass, exact: false });
  });
});

describeBackend(['cpu'], 'an engine of pictures', () => {
  it('tells the root of its folder, and the same vocabulary for the same tokenizer', async () => {
    const [unet, flow] = [(await share(UNET)).info(), (await share(FLOW)).info()];
    const { modelRoot } = await hashModelFolder(inspectModelFolder(pathOfPictureModel(UNET)));
    expect(unet.modelRoot).toEqual(modelRoot);
    expect(flow.modelRoot).not.toEqual(modelRoot);
    expect(flow.vocabularyHash).toEqual(unet.vocabularyHash);
    expect(unet).toMatchObject({
      ...{ weightType: 'f32', contextSize: 150, latentChannels: 4, latentScale: 4, sizeStep: 8, canEdit: true },
      ...{ size: { width: 32, height: 32 }, hasFixedSize: true, mostPixels: 1_024, steps: 50, guidance: 7.5 },
    });
    expect(flow).toMatchObject({ scheduler: { kind: 'flow' }, sizeStep: 8, steps: 28, guidance: 7 });
  });

  it('is opened for a folder, natively or in WebAssembly', async () => {
    for (const isa of ['auto', 'wasm']) {
      const engine = await openEngine({ modelPath: pathOfPictureModel(FLOW), isa });
      onTestFinished(() => engine.close());
      if (engine.specificationVersion !== 'trajectory-v1') throw new Error('another engine');
      expect(engine.info().numericClass.split('/')[1]).toBe(isa === 'wasm' ? 'wasm' : 'cpu');
    }
  });

  it('is restarted after its process died, and the picture fails retryably', async () => {
    const engine = await open(FLOW);
    const request = createPicture(engine, { prompt: PROMPTS[0] });
    const expected = await collectSteps(engine, request);
    const running = collectSteps(engine, { ...request, steps: 900 });
    running.catch(() => undefined);
    process.kill(engine.pid() as number, 'SIGKILL');
    await expect(running).rejects.toMatchObject({ code: 'engine-crashed', retryable: true });
    expect(await collectSteps(engine, request)).toEqual(expected);
  });

  it.each<[string, (path: string) => void, string, RegExp]>([
    [
      'whose network is no model',
      (path) => writeFileSync(join(path, 'unet/model.onnx'), encodeOnnx({ operators: ['Nothing'] })),
      'unsupported-model',
      /ONNX Runtime refuses .*unet/,
    ],
    [
      'whose networks were exchanged',
      (path) => {
        const network = readFileSync(join(path, 'vae_decoder/model.onnx'));
        writeFileSync(join(path, 'unet/model.onnx'), network);
      },
      'unsupported-model',
      /unet\/model\.onnx has no input sample/,
    ],
    [
      'whose tokenizer is none',
      (path) => writeFileSync(join(path, 'tokenizer/tokenizer.json'), '{}'),
      'unsupported-model',
      /tokenizer in .* is not supported/,
    ],
  ])('refuses a folder %s', async (_what, change, code, message) => {
    const modelPath = copyPictureModel(UNET, join(directory.path, 'refused'));
    change(modelPath);
    try {
      await expect(openTrajectoryEngine({ modelPath, engineDir })).rejects.toMatchObject({
        ...{ code, message: expect.stringMatching(message) },
      });
    } finally {
      rmSync(modelPath, { recursive: true });
    }
  });

  it('does not load files that changed after they were hashed', async () => {
    const modelPath = copyPictureModel(FLOW, directory.path);
    const engine = await open(FLOW, { modelPath });
    const path = join(modelPath, 'transformer/model.onnx');
    writeFileSync(path, readFileSync(path));
    process.kill(engine.pid() as number, 'SIGKILL');
    const request = createPicture(engine, { prompt: PROMPTS[0] });
    // The first failure is the death itself.
    await expect(collectSteps(engine, request)).rejects.toThrow();
    await expect.poll(() => collectSteps(engine, request).catch(({ code }) => code)).toBe('model-corrupt');
  });
});
