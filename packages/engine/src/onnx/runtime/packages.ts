import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fetchPackage, type NpmArchive } from '@ogong/models/npm-package';
import { EngineError } from '../../interface/engine-error.ts';
import { ONNX_VERSION, type OnnxBackend } from '../numeric-class.ts';

/** A package of npm, and the files of it that are kept. The hashes are the registry's own. */
interface RuntimePackage extends NpmArchive {
  readonly keeps: (path: string, platform: string) => boolean;
}

const version = ONNX_VERSION;

/** 114 MB packed with all platforms; 47 MB are kept on Linux. */
const NATIVE: RuntimePackage = {
  ...{ name: 'onnxruntime-node', version },
  integrity: 'sha512-twhs1C2C/BFkz1yc5OY0KIU2GUq6DURO7hD4bx5Q2Qy3nAMJwRXW8xU3NVczE29VA9lolLOYepoD8fjTGOfIqw==',
  keeps: (path, platform) =>
    path === 'package.json' || /^dist\/[a-z]+\.js$/.test(path) || path.startsWith(`bin/napi-v6/${platform}/`),
};

const COMMON: RuntimePackage = {
  ...{ name: 'onnxruntime-common', version },
  integrity: 'sha512-7fdVWjAID1dVhH/G8qK3APARunV4VkBFoCQAP7qp4Wkab0mrorvmc+sqiT+mKXOzDqdjN5j+/Z9nb4gzNPWcyA==',
  keeps: (path) => path === 'package.json' || /^dist\/cjs\/(package\.json|[a-z-]+\.js)$/.test(path),
};

/** 33 MB packed; 14 MB are kept. */
const WASM: RuntimePackage = {
  ...{ name: 'onnxruntime-web', version },
  integrity: 'sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==',
  keeps: (path) => ['package.json', 'dist/ort.wasm.bundle.min.mjs', 'dist/ort-wasm-simd-threaded.wasm'].includes(path),
};

const PACKAGES: Readonly<Record<OnnxBackend, readonly RuntimePackage[]>> = { cpu: [NATIVE, COMMON], wasm: [WASM] };

/** Platforms with a native runtime. */
const NATIVE_PLATFORMS = ['linux/x64', 'linux/arm64', 'darwin/arm64', 'win32/x64', 'win32/arm64'];

/** A runtime on this machine's disk. */
export interface OnnxRuntime {
  readonly backend: OnnxBackend;
  /** Folder of node modules that holds its packages. */
  readonly modules: string;
}

const folderOf = (backend: OnnxBackend, engineDir: string): string =>
  join(engineDir, `onnxruntime-${backend}-${version}`);

/** @param engineDir folder of fetched engines. @returns undefined if the runtime was not fetched. */
export function findOnnxRuntime(backend: OnnxBackend, engineDir: string): OnnxRuntime | undefined {
  const modules = join(folderOf(backend, engineDir), 'node_modules');
  return existsSync(modules) ? { backend, modules } : undefined;
}

export interface BringRuntimeOptions {
  /** As in Node: platform, a slash, architecture. */
  readonly platform?: string;
  /** Fetches a package of known content; a test gives its own. */
  readonly fetch?: typeof fetchPackage;
}

/** Fetches a runtime with npm if it is missing. @throws EngineError('unsupported-model'), ModelError. */
export async function bringOnnxRuntime(
  backend: OnnxBackend,
  engineDir: string,
  { platform = `${process.platform}/${process.arch}`, fetch = fetchPackage }: BringRuntimeOptions = {},
): Promise<OnnxRuntime> {
  const found = findOnnxRuntime(backend, engineDir);
  if (found !== undefined) return found;
  if (backend === 'cpu' && !NATIVE_PLATFORMS.includes(platform))
    throw new EngineError(
      'unsupported-model',
      `ONNX Runtime has no native build for ${platform}; use its WebAssembly build`,
    );
  await mkdir(engineDir, { recursive: true });
  const draft = await mkdtemp(join(engineDir, 'partial-'));
  try {
    for (const wanted of PACKAGES[backend]) {
      const files = await fetch(wanted, (path) => wanted.keeps(path, platform));
      for (const [path, contents] of files) {
        const target = join(draft, 'node_modules', wanted.name, path);
        await mkdir(dirname(target), { recursive: true });
        await writeFile(target, contents);
      }
    }
    await rename(draft, folderOf(backend, engineDir)).catch((error: unknown) => {
      // Another process was faster.
      if (findOnnxRuntime(backend, engineDir) === undefined) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return findOnnxRuntime(backend, engineDir) as OnnxRuntime;
}
