import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectReply, createRequest, createScoreRequest, NO_END } from '../compliance.ts';
import { resolveModel } from '../models/resolve.ts';
import { createLlamaEngine } from './engine.ts';
import { parseNumericClass } from './numeric-class.ts';
import { explainVulkanAbsence } from './vulkan-build.ts';
import { listVulkanDevices, nameVulkanClass } from './vulkan-device.ts';

const engineDir = join(homedir(), '.ogong', 'engine');
const absence = explainVulkanAbsence(engineDir);
/** A software device compiles its kernels when a machine first meets them. */
const PATIENCE_MS = 180_000;

let folder: string;
let modelPath: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ogong-vulkan-'));
  modelPath = (await resolveModel('stories260K', { storeDir: folder })).path;
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
          expect(parsed).toMatchObject({ backend: 'vulkan', isa: device && nameVulkanClass(device), kernels: 'plain' });
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
  },
);

describe('Vulkan class names', () => {
  it('keep device and driver apart and stay in the alphabet of a class', () => {
    const name = nameVulkanClass({ index: 0, name: 'NVIDIA H200 (NVL)/x', driver: '  ' });
    expect(name).toBe('nvidia_h200_nvl_x-unknown');
    expect(parseNumericClass(`llama.cpp-0.5.0/vulkan/${name}/plain/f16/kv-f16`)?.isa).toBe(name);
  });
});

describe('one build per process', () => {
  it('refuses a second one', async () => {
    const { loadLlama } = await import('./library.ts');
    const { findLlamaBuild } = await import('./platform.ts');
    const build = findLlamaBuild();
    expect(loadLlama(build, 'auto')).toBe(loadLlama(build, 'auto'));
    expect(() => loadLlama({ ...build, directory: `${build.directory}/other` }, 'auto')).toThrow(/another llama\.cpp/);
  });
});
