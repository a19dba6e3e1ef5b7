import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { explainVulkanAbsence } from '@ogong/engine/llama-cpp/device/gpu-build';
import { parseNumericClass } from '@ogong/engine/llama-cpp/numeric-class';
import { afterAll, expect, it } from 'vitest';
import { loadModel } from '../engine/engine-config.ts';
import { serveConfig } from './provider-config.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-engine-config-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const NETWORK = ['--deployment', 'none.json'];
const REQUIRED = ['--model', 'stories260K', '--model-id', 'ogong/verified/test/stories', '--price', '1', ...NETWORK];
const log = { info: () => {}, warn: () => {} };

/** Returns the report of an engine that is loaded as the flags of `ogong-provider serve` say. */
async function describe(...flags: readonly string[]) {
  const parsed = serveConfig.parse(
    [...REQUIRED, '--n-ctx', '64', '--sequences', '1', '--models-dir', directory, ...flags],
    {},
  );
  if (parsed.kind !== 'run') throw new Error('printed');
  const { engine } = await loadModel('stories260K', parsed.values, { log });
  const info = engine.info();
  await engine.close();
  return { ...parseNumericClass(info.numericClass), exact: info.exact };
}

it('serves in the class that the flags name, and by default in an exact one of the CPU', async () => {
  expect(await describe()).toMatchObject({ backend: 'cpu', kernels: 'exact-2', kv: 'f16', exact: true });
  expect(await describe('--kernels', 'fast', '--kv-type', 'f32')).toMatchObject({ kernels: 'fast', kv: 'f32' });
});

it('is not loaded where the machine has no room for it beside the others', async () => {
  const parsed = serveConfig.parse([...REQUIRED, '--models-dir', directory], {});
  if (parsed.kind !== 'run') throw new Error('printed');
  const share = { cores: 1, reservedBytes: 2 ** 60 };
  const loading = loadModel('stories260K', parsed.values, { log }, share);
  await expect(loading).rejects.toMatchObject({ code: 'not-enough-memory' });
});

it('is not loaded where a budget is below its need, and the message names the budget', async () => {
  const parsed = serveConfig.parse([...REQUIRED, '--models-dir', directory, '--memory-budget', '1MiB'], {});
  if (parsed.kind !== 'run') throw new Error('printed');
  const loading = loadModel('stories260K', { ...parsed.values, pagedWeights: true }, { log });
  await expect(loading).rejects.toMatchObject({
    code: 'not-enough-memory',
    message: expect.stringMatching(
      / and 1 MiB are left of --memory-budget, while \d+ MiB are .*; raise the budget, or /,
    ),
  });
});

const absence = explainVulkanAbsence(join(homedir(), '.ogong', 'engine'));
it.skipIf(absence !== undefined)(
  `serves on a Vulkan device${absence === undefined ? '' : ` (skipped: ${absence})`}`,
  async () => {
    const found = await describe('--backend', 'vulkan', '--shapes', 'mixed', '--drafts', '2');
    expect(found).toMatchObject({ backend: 'vulkan', kernels: 'shaped', exact: true });
  },
  180_000,
);

it('says what a flag may be', () => {
  expect(() => serveConfig.parse([...REQUIRED, '--backend', 'rocm'], {})).toThrow(
    'expected one of auto, cpu, vulkan, cuda, metal',
  );
  expect(() => serveConfig.parse([...REQUIRED, '--drafts', '9'], {})).toThrow('from 0 to 8');
});
