import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  collectReply,
  createRequest,
  createScoreRequest,
  keyOf,
  NO_END,
} from '@ogong/testing/engine/compliance-requests';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TextGenerationRequest } from '../interface/text.ts';
import { explainCudaAbsence, openCudaDevice } from './device/cuda-device.ts';
import { findGpuBuild } from './device/gpu-build.ts';
import { createLlamaEngine } from './engine.ts';
import { nameDeviceClass } from './library.ts';
import { resolveModel } from './llama-quantizer.ts';
import { parseNumericClass } from './numeric-class.ts';

const engineDir = join(homedir(), '.ogong', 'engine');
const absence =
  explainCudaAbsence() ??
  (findGpuBuild('cuda', engineDir) === undefined ? `no CUDA build of llama.cpp in ${engineDir}` : undefined);
/** The driver compiles the kernels when a machine first meets them. */
const PATIENCE_MS = 300_000;

let folder: string;
let modelPath: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ogong-cuda-'));
  modelPath = (await resolveModel('stories260K', { storeDir: folder })).path;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.skipIf(absence !== undefined)(`CUDA back end${absence === undefined ? '' : ` (skipped: ${absence})`}`, () => {
  it(
    'serves on the card that its class names, and is compared by scores',
    async () => {
      const options = { modelPath, threads: 1, sequences: 2, contextSize: 256, engineDir } as const;
      const engine = await createLlamaEngine({ ...options, backend: 'cuda' });
      const cpu = await createLlamaEngine({ ...options, kernels: 'plain' });
      try {
        const parsed = parseNumericClass(engine.info().numericClass);
        expect(parsed).toMatchObject({ backend: 'cuda', isa: nameDeviceClass(openCudaDevice()), kernels: 'plain' });
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

  it.each(['wide', 'mixed', 'single'] as const)(
    'reproduces its %s passes bit for bit among neighbours, or does not call them exact',
    async (shapes) => {
      const options = { modelPath, threads: 1, contextSize: 320, engineDir, backend: 'cuda' } as const;
      const provider = await createLlamaEngine({ ...options, kernels: 'shaped', shapes, sequences: 2 });
      const verifier = await createLlamaEngine({ ...options, kernels: 'shaped', shapes: 'wide', sequences: 1 });
      try {
        const { exact, numericClass } = provider.info();
        expect(numericClass.endsWith('/unproven')).toBe(!exact);
        const requests = [236, 5].map((length, i) => {
          const tokens = Uint32Array.from({ length }, (_, at) => 3 + ((7 * at + i) % 500));
          const prompt = { kind: 'tokens', tokens } as const;
          return createRequest('', { prompt, drawKey: keyOf(900 + i), maxTokens: 22 - 14 * i, bias: NO_END });
        });
        const served = await Promise.all(requests.map((request) => collectReply(provider.generate(request))));
        for (const [i, reply] of served.entries()) {
          const score = createScoreRequest(provider, requests[i] as TextGenerationRequest, reply);
          const scored = await verifier.score(score);
          if (exact) expect(scored.windows).toEqual(reply.windows);
          else expect(scored.exact).toBe(false);
        }
      } finally {
        await Promise.all([provider.close(), verifier.close()]);
      }
    },
    PATIENCE_MS,
  );
});
