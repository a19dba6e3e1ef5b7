import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { NARROW, SINGLE, WIDE } from '@ogong/protocol/modality/text/commitment/shape-classes';
import {
  collectReply,
  createRequest,
  createScoreRequest,
  keyOf,
  NO_END,
} from '@ogong/testing/engine/compliance-requests';
import { writeShallowModel } from '@ogong/testing/models/shallow-model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TextGenerationRequest } from '../interface/text.ts';
import { explainVulkanAbsence } from './device/gpu-build.ts';
import { listVulkanDevices } from './device/vulkan-device.ts';
import { createLlamaEngine, type LlamaEngine, type LlamaEngineOptions } from './engine.ts';
import { nameDeviceClass } from './library.ts';
import { resolveModel } from './llama-quantizer.ts';
import { type NumericClass, parseNumericClass } from './numeric-class.ts';

const engineDir = join(homedir(), '.ogong', 'engine');
const absence = explainVulkanAbsence(engineDir);
/** A software device compiles its kernels when a machine first meets them. */
const PATIENCE_MS = 600_000;

let folder: string;
let modelPath: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ogong-vulkan-'));
  modelPath = join(folder, 'shallow.gguf');
  const { path } = await resolveModel('stories260K', { storeDir: folder });
  // The second block reads what the first one wrote for every row. More blocks only repeat it.
  writeShallowModel(path, modelPath, { layers: 2 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.skipIf(absence !== undefined)(
  `Vulkan back end${absence === undefined ? '' : ` (skipped: ${absence})`}`,
  () => {
    it(
      'serves on the device that its class names, and other kernels show',
      async () => {
        const options = { modelPath, threads: 1, sequences: 2, contextSize: 256, kernels: 'plain', engineDir } as const;
        const engine = await createLlamaEngine({ ...options, backend: 'vulkan' });
        const cpu = await createLlamaEngine(options);
        try {
          const [device] = listVulkanDevices();
          expect(device).toBeDefined();
          const parsed = parseNumericClass(engine.info().numericClass);
          expect(parsed).toMatchObject({ backend: 'vulkan', isa: device && nameDeviceClass(device), kernels: 'plain' });
          expect(engine.info().exact).toBe(false);
          const request = createRequest('Once upon a time', { maxTokens: 12, bias: NO_END });
          const reply = await collectReply(engine.generate(request));
          expect(reply.outputTokens).toHaveLength(12);
          const scored = await cpu.score(createScoreRequest(engine, request, reply));
          expect(scored.exact).toBe(false);
          expect(scored.windows).not.toEqual(reply.windows);
        } finally {
          await Promise.all([engine.close(), cpu.close()]);
        }
      },
      PATIENCE_MS,
    );

    it(
      'computes elsewhere the layers that it is told to leave out, and loads with the experts on the CPU',
      async () => {
        const place = { modelPath, threads: 1, sequences: 1, contextSize: 256, engineDir };
        const options: LlamaEngineOptions = { ...place, backend: 'vulkan', kernels: 'plain' };
        const request = createRequest('Once upon a time', { maxTokens: 12, bias: NO_END });
        const serve = async (more: Partial<LlamaEngineOptions>) => {
          const engine = await createLlamaEngine({ ...options, ...more });
          try {
            return (await collectReply(engine.generate(request))).windows;
          } finally {
            await engine.close();
          }
        };
        const all = await serve({});
        expect(await serve({ gpuLayers: 999 })).toEqual(all);
        expect(await serve({ gpuLayers: 0 })).not.toEqual(all);
        // The model has no experts.
        expect(await serve({ expertsOnCpu: true })).toEqual(all);
        // A card without room leaves all layers to the CPU, and a class that is compared bit for bit refuses that.
        expect(await serve({ gpuMemory: 1 })).toEqual(await serve({ gpuLayers: 0 }));
        await expect(createLlamaEngine({ ...options, kernels: 'exact', gpuMemory: 1 })).rejects.toMatchObject({
          ...{ code: 'not-enough-memory', message: expect.stringContaining('leaves 2 of 2 layers to the CPU') },
        });
        const shaped = createLlamaEngine({ ...options, kernels: 'exact', gpuLayers: 1 });
        await expect(shaped).rejects.toMatchObject({ code: 'invalid-request' });
      },
      PATIENCE_MS,
    );

    it(
      'chooses by measuring how it pads its steps, guesses nothing where there is no padding, and is exact',
      async () => {
        const options = { modelPath, threads: 1, contextSize: 64, sequences: 4, engineDir, backend: 'vulkan' } as const;
        const engine = await createLlamaEngine(options);
        try {
          const { shapes, exact } = engine.info();
          expect(exact).toBe(true);
          expect(['wide', 'single']).toContain(shapes);
          const request = createRequest('Once upon a time', { maxTokens: 4, bias: NO_END });
          const reply = await collectReply(engine.generate(request));
          expect('drafts' in (reply.events.at(-1) ?? {})).toBe(shapes === 'wide');
          const { shapeClasses } = createScoreRequest(engine, request, reply);
          expect([...(shapeClasses as Uint8Array)]).toEqual(Array(4).fill(shapes === 'wide' ? WIDE : SINGLE));
        } finally {
          await engine.close();
        }
      },
      PATIENCE_MS,
    );

    describe('in shape classes', () => {
      const open = (options: Partial<LlamaEngineOptions>) =>
        createLlamaEngine({ modelPath, threads: 1, contextSize: 320, engineDir, backend: 'vulkan', ...options });
      let verifier: LlamaEngine;
      beforeAll(async () => {
        verifier = await open({ shapes: 'wide', sequences: 1 });
      }, PATIENCE_MS);
      afterAll(() => verifier?.close());

      it.each(['wide', 'mixed', 'single'] as const)(
        'reproduces its %s passes bit for bit, at the edge of a band and among neighbours',
        async (shapes) => {
          const provider = await open({ shapes, sequences: 2 });
          try {
            expect(provider.info()).toMatchObject({ exact: true, shapes });
            const { kernels, flashAttention } = parseNumericClass(provider.info().numericClass) as NumericClass;
            expect({ kernels, flashAttention }).toEqual({ kernels: 'shaped', flashAttention: false });
            // Across the edge of a band: from the narrow class over the wide one, or single throughout.
            const [length, maxTokens] = ({ wide: [9, 22], mixed: [238, 20], single: [250, 10] } as const)[shapes];
            const requests = [
              { length, maxTokens },
              { length: shapes === 'wide' ? 1 : 5, maxTokens: 8 },
            ].map(({ length, maxTokens }, i) => {
              const tokens = Uint32Array.from({ length }, (_, at) => 3 + ((7 * at + i) % 500));
              const prompt = { kind: 'tokens', tokens } as const;
              return createRequest('', { prompt, drawKey: keyOf(900 + i), maxTokens, bias: NO_END });
            });
            const served = await Promise.all(requests.map((request) => collectReply(provider.generate(request))));
            const classes = new Set<number>();
            for (const [i, reply] of served.entries()) {
              const score = createScoreRequest(provider, requests[i] as TextGenerationRequest, reply);
              const claimed = score.shapeClasses as Uint8Array;
              for (const shapeClass of claimed) classes.add(shapeClass);
              const scored = await verifier.score(score);
              expect(scored.exact).toBe(true);
              expect(scored.windows).toEqual(reply.windows);
              const other = await verifier.score({
                ...score,
                shapeClasses: claimed.map((own) => (own === WIDE ? NARROW : WIDE)),
              });
              expect(other.windows[0]?.sketch).not.toEqual(reply.windows[0]?.sketch);
            }
            expect([...classes].sort()).toEqual({ wide: [WIDE], mixed: [NARROW, WIDE], single: [SINGLE] }[shapes]);
          } finally {
            await provider.close();
          }
        },
        PATIENCE_MS,
      );
    });
  },
);

describe('Vulkan class names', () => {
  it('keep device and driver apart and stay in the alphabet of a class', () => {
    const name = nameDeviceClass({ name: 'NVIDIA H200 (NVL)/x', driver: '  ' });
    expect(name).toBe('nvidia_h200_nvl_x-unknown');
    expect(parseNumericClass(`llama.cpp-0.5.0/vulkan/${name}/plain/f16/kv-f16`)?.isa).toBe(name);
  });
});

describe('one build per process', () => {
  it('refuses a second one', async () => {
    const { loadLlama } = await import('./library.ts');
    const { findLlamaBuild } = await import('./device/platform.ts');
    const build = findLlamaBuild();
    expect(loadLlama(build, 'auto')).toBe(loadLlama(build, 'auto'));
    expect(() => loadLlama({ ...build, directory: `${build.directory}/other` }, 'auto')).toThrow(/another llama\.cpp/);
  });
});
