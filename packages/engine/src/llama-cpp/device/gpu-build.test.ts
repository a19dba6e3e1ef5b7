import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModelError } from '@ogong/models/model-error';
import { type NpmFolder, readFolder } from '@ogong/models/npm-package';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { bringGpuBuild, findGpuBuild } from './gpu-build.ts';

let engineDir: string;
let fetched: string[];

beforeEach(() => {
  engineDir = join(mkdtempSync(join(tmpdir(), 'ogong-build-')), 'engine');
  fetched = [];
});
afterEach(() => rmSync(join(engineDir, '..'), { recursive: true }));

/** Files of the packages, without the large ones. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  'bins/linux-x64-cuda': ['libggml-base.so', 'libggml.cuda.v0.5.0.so', 'libllama.cuda.v0.5.0.so', 'libggml-cuda.so'],
  'bins/linux-x64-cuda/fallback': ['libggml-cuda.so'],
  'bins/linux-x64-vulkan': [
    'libggml-base.so',
    'libggml.vulkan.v0.5.0.so',
    'libllama.vulkan.v0.5.0.so',
    'libggml-vulkan.so',
  ],
};

const fetch = async ({ name, path, integrity }: NpmFolder): Promise<ReadonlyMap<string, Buffer>> => {
  expect(integrity).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
  fetched.push(name);
  return new Map((FILES[path] ?? []).map((file) => [file, Buffer.from(file)]));
};

it('CUDA 13 takes one package, fetched once', async () => {
  const options = { platform: 'linux-x64', runtime: 13, fetch } as const;
  expect(findGpuBuild('cuda', engineDir, 13)).toBeUndefined();
  const build = await bringGpuBuild('cuda', engineDir, options);
  const folder = join(engineDir, 'linux-x64-cuda-3.22.1');
  expect([build.llama, build.gpu]).toEqual([join(folder, 'libllama.cuda.v0.5.0.so'), join(folder, 'libggml-cuda.so')]);
  await bringGpuBuild('cuda', engineDir, options);
  expect(fetched).toEqual(['@node-llama-cpp/linux-x64-cuda']);
});

it('CUDA 12 takes the back end of a second package, and is incomplete without it', async () => {
  await bringGpuBuild('cuda', engineDir, { platform: 'linux-x64', runtime: 13, fetch });
  expect(findGpuBuild('cuda', engineDir, 12)).toBeUndefined();
  const build = await bringGpuBuild('cuda', engineDir, { platform: 'linux-x64', runtime: 12, fetch });
  expect(build.gpu).toBe(join(engineDir, 'linux-x64-cuda-12-3.22.1', 'libggml-cuda.so'));
  expect(build.base).toBe(join(engineDir, 'linux-x64-cuda-3.22.1', 'libggml-base.so'));
  expect(fetched).toEqual(['@node-llama-cpp/linux-x64-cuda', '@node-llama-cpp/linux-x64-cuda-ext']);
});

it('Vulkan takes its own', async () => {
  const build = await bringGpuBuild('vulkan', engineDir, { platform: 'linux-x64', fetch });
  expect(build.gpu).toBe(join(engineDir, 'linux-x64-vulkan-3.22.1', 'libggml-vulkan.so'));
});

it.each(['cuda', 'vulkan'] as const)(
  '%s: a package of other content is refused, and nothing is kept',
  async (backend) => {
    const forge = async (folder: NpmFolder) => readFolder(Buffer.from('another tarball'), folder);
    const bringing = bringGpuBuild(backend, engineDir, { platform: 'linux-x64', runtime: 12, fetch: forge });
    await expect(bringing).rejects.toThrow(ModelError);
    await expect(bringing).rejects.toMatchObject({ code: 'wrong-hash' });
    expect(readdirSync(join(engineDir, '..'))).toEqual([]);
  },
);

it('another platform is refused before anything is fetched', async () => {
  await expect(bringGpuBuild('cuda', engineDir, { platform: 'darwin-arm64', fetch })).rejects.toThrow(
    'the cuda back end is served on linux-x64',
  );
  expect(fetched).toEqual([]);
});
