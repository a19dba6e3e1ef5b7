import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { fetchPackage } from '@ogong/models/npm-package';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, describe, expect, it } from 'vitest';
import { bringOnnxRuntime, findOnnxRuntime } from './packages.ts';

const directory = createTestDirectory('runtime');
afterAll(() => directory.remove());
const createFolder = (): string => mkdtempSync(join(directory.path, 'test-'));

const PATHS = [
  ...['package.json', 'README.md', 'dist/index.js', 'dist/index.d.ts', 'dist/cjs/index.js', 'dist/esm/index.js'],
  ...['bin/napi-v6/linux/x64/lib.so', 'bin/napi-v6/darwin/arm64/lib.dylib', 'script/install.js'],
  ...['dist/ort.wasm.bundle.min.mjs', 'dist/ort-wasm-simd-threaded.wasm', 'dist/ort.all.js'],
];
const fetchAll =
  (fetched: string[]): typeof fetchPackage =>
  async ({ name }, keeps) => {
    fetched.push(name);
    return new Map(PATHS.filter(keeps).map((path) => [path, Buffer.from(path)]));
  };
const listFiles = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll('\\', '/'),
    )
    .sort();

describe('a runtime that is fetched on demand', () => {
  it('keeps the files of this platform alone, and is fetched once', async () => {
    const engineDir = createFolder();
    expect(findOnnxRuntime('cpu', engineDir)).toBeUndefined();
    const fetched: string[] = [];
    const options = { platform: 'linux/x64', fetch: fetchAll(fetched) };
    const { modules } = await bringOnnxRuntime('cpu', engineDir, options);
    expect(listFiles(modules)).toEqual([
      ...['onnxruntime-common/dist/cjs/index.js', 'onnxruntime-common/package.json'],
      ...['onnxruntime-node/bin/napi-v6/linux/x64/lib.so', 'onnxruntime-node/dist/index.js'],
      'onnxruntime-node/package.json',
    ]);
    await bringOnnxRuntime('cpu', engineDir, options);
    expect(fetched).toEqual(['onnxruntime-node', 'onnxruntime-common']);
    expect(readdirSync(engineDir)).toHaveLength(1);
  });

  it('in WebAssembly is one module and its code', async () => {
    const { modules } = await bringOnnxRuntime('wasm', createFolder(), {
      ...{ platform: 'sunos/sparc', fetch: fetchAll([]) },
    });
    expect(listFiles(join(modules, 'onnxruntime-web'))).toEqual([
      ...['dist/ort-wasm-simd-threaded.wasm', 'dist/ort.wasm.bundle.min.mjs', 'package.json'],
    ]);
  });

  it('leaves nothing behind if it cannot be fetched', async () => {
    const engineDir = createFolder();
    const fetch = async () => Promise.reject(new Error('no network'));
    await expect(bringOnnxRuntime('cpu', engineDir, { platform: 'linux/x64', fetch })).rejects.toThrow('no network');
    expect(readdirSync(engineDir)).toEqual([]);
  });

  it('has no native build for some platforms', async () => {
    const engineDir = join(createFolder(), 'none');
    await expect(bringOnnxRuntime('cpu', engineDir, { platform: 'darwin/x64' })).rejects.toMatchObject({
      code: 'unsupported-model',
      message: expect.stringContaining('WebAssembly'),
    });
    expect(existsSync(engineDir)).toBe(false);
  });
});
