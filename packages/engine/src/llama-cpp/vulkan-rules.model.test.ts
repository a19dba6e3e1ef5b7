import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeEngine } from '@ogong/testing/engine/compliance';
import { afterAll, beforeAll, describe, vi } from 'vitest';
import { explainVulkanAbsence } from './device/gpu-build.ts';
import { createLlamaEngine } from './engine.ts';
import { resolveModel } from './llama-quantizer.ts';

const engineDir = join(homedir(), '.ogong', 'engine');
/** A software device takes minutes for the rules of all engines. */
const absence = process.env.OGONG_LONG === undefined ? 'only with OGONG_LONG=1' : explainVulkanAbsence(engineDir);

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

let folder: string;
let modelPath: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ogong-vulkan-'));
  modelPath = (await resolveModel('stories260K', { storeDir: folder })).path;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.skipIf(absence !== undefined)(
  `the rules of every engine${absence === undefined ? '' : ` (skipped: ${absence})`}`,
  () => {
    describeEngine({
      name: 'llama.cpp on a Vulkan device',
      open: (options) =>
        createLlamaEngine({ modelPath, threads: 1, engineDir, backend: 'vulkan', shapes: 'single', ...options }),
      prompts: ['Once upon a time', 'The little dog', 'Lily and Tim went to the park. They saw a big tree and'],
      lacks: ['edges'],
    });
  },
);
