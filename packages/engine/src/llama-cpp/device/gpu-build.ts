import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchFolder, type NpmFolder } from '@ogong/models/npm-package';
import { EngineError } from '../../interface/engine-error.ts';
import type { GpuBackend } from '../library.ts';
import { type CudaRuntime, findCudaRuntime } from './cuda-device.ts';
import { METAL_PLATFORM } from './metal-device.ts';
import { describeBuild, findLlamaBuild, findPackage, type LlamaBuild } from './platform.ts';
import { listVulkanDevices } from './vulkan-device.ts';

/**
 * llama.cpp with the back end of a GPU, fetched when it is first asked for and not with every install. The hashes are the
 * registry's own; npm would check them against a lock file.
 */
interface GpuPackage extends NpmFolder {
  /** The folder that it is kept in. */
  readonly folder: string;
}

const VERSION = '3.22.1';

/** 24 MB packed, 80 MB unpacked. */
const VULKAN: GpuPackage = {
  name: '@node-llama-cpp/linux-x64-vulkan',
  version: VERSION,
  path: 'bins/linux-x64-vulkan',
  integrity: 'sha512-bBxqU+JOcBu1nb5Qj2zcMci+JByT1E8EajHvYodyNfVIPkEhXh+/HMwR1/BT7xP08YK0hks+kM8fglER0P8JEg==',
  folder: `linux-x64-vulkan-${VERSION}`,
};

/** 143 MB packed; its back end is built for the runtime of CUDA 13. */
const CUDA: GpuPackage = {
  name: '@node-llama-cpp/linux-x64-cuda',
  version: VERSION,
  path: 'bins/linux-x64-cuda',
  integrity: 'sha512-8rQCjyNNLZJUFit+YpjwlC4hwkKgOMIkB2wuycKBf8NU2O3ySKbiWZQ8aw9ku2nUTXjSnUIrE6KB88itduTBuA==',
  folder: `linux-x64-cuda-${VERSION}`,
};

/** 177 MB packed: the same back end for the runtime of CUDA 12, and nothing else. */
const CUDA_12: GpuPackage = {
  name: '@node-llama-cpp/linux-x64-cuda-ext',
  version: VERSION,
  path: 'bins/linux-x64-cuda/fallback',
  integrity: 'sha512-4e5ajkiM2aR2WAdB/N/ACk4weEhHvOAIrzxZPsIX0xDFW5+6hhShuy1/vs88SK9NGdgAco9IyE28eYS0H1efpA==',
  folder: `linux-x64-cuda-12-${VERSION}`,
};

const PLATFORM = 'linux-x64';
const NAMES = { prefix: 'lib', suffix: '.so' };

/** The build of an Apple chip has Metal, and npm installs it. */
type FetchedBackend = Exclude<GpuBackend, 'metal'>;

/** The first has the library itself; the last, which may be the same, has the back end. */
const packagesOf = (
  backend: FetchedBackend,
  runtime: CudaRuntime | undefined,
): readonly [GpuPackage, ...GpuPackage[]] => {
  if (backend === 'vulkan') return [VULKAN];
  return runtime === 12 ? [CUDA, CUDA_12] : [CUDA];
};

function findFolder({ name, path, folder }: GpuPackage, engineDir: string): string | undefined {
  const installed = findPackage(name);
  const directory = installed === undefined ? join(engineDir, folder) : join(installed, path);
  return existsSync(directory) ? directory : undefined;
}

/**
 * The build, installed by npm or fetched before; undefined if it is neither.
 * @param engineDir where fetched builds lie.
 */
export function findGpuBuild(
  backend: GpuBackend,
  engineDir: string,
  runtime = backend === 'cuda' ? findCudaRuntime() : undefined,
): LlamaBuild | undefined {
  if (backend === 'metal') return findAppleBuild();
  const folders = packagesOf(backend, runtime).map((each) => findFolder(each, engineDir));
  const [library, gpu = library] = folders;
  if (library === undefined || folders.includes(undefined)) return undefined;
  const build = describeBuild(library, NAMES, backend);
  return gpu === library ? build : { ...build, gpu: join(gpu as string, `libggml-${backend}.so`) };
}

function findAppleBuild(): LlamaBuild | undefined {
  try {
    return findLlamaBuild(METAL_PLATFORM);
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}

/** Why the Vulkan back end finds no device here, and what would help; undefined if there is one. */
export function explainDeviceAbsence(listDevices = listVulkanDevices): string | undefined {
  try {
    return listDevices().length === 0 ? 'this machine shows no Vulkan device' : undefined;
  } catch (error) {
    if (error instanceof EngineError) return error.message;
    throw error;
  }
}

/** Why the Vulkan back end cannot be used here, and what would help; undefined if it can. */
export function explainVulkanAbsence(engineDir: string): string | undefined {
  const absence = explainDeviceAbsence();
  if (absence !== undefined) return absence;
  return findGpuBuild('vulkan', engineDir) === undefined
    ? `no Vulkan build of llama.cpp in ${engineDir}; \`ogong calibrate classes --backend vulkan\` brings it`
    : undefined;
}

export interface BringOptions {
  readonly platform?: string;
  readonly runtime?: CudaRuntime | undefined;
  /** Fetches a package of known content; a test gives its own. */
  readonly fetch?: (folder: NpmFolder) => Promise<ReadonlyMap<string, Buffer>>;
}

/** Fetches what is missing of the build. @throws EngineError('unsupported-model'), ModelError. */
export async function bringGpuBuild(
  backend: GpuBackend,
  engineDir: string,
  {
    platform = `${process.platform}-${process.arch}`,
    runtime = backend === 'cuda' ? findCudaRuntime() : undefined,
    fetch = fetchFolder,
  }: BringOptions = {},
): Promise<LlamaBuild> {
  const served = backend === 'metal' ? METAL_PLATFORM : PLATFORM;
  if (platform !== served)
    throw new EngineError('unsupported-model', `the ${backend} back end is served on ${served}, not on ${platform}`);
  if (backend === 'metal') return findLlamaBuild(platform);
  for (const wanted of packagesOf(backend, runtime)) {
    if (findFolder(wanted, engineDir) === undefined) await keep(await fetch(wanted), join(engineDir, wanted.folder));
  }
  return findGpuBuild(backend, engineDir, runtime) as LlamaBuild;
}

async function keep(files: ReadonlyMap<string, Buffer>, folder: string): Promise<void> {
  await mkdir(join(folder, '..'), { recursive: true });
  const draft = await mkdtemp(join(folder, '..', 'partial-'));
  try {
    for (const [name, contents] of files) await writeFile(join(draft, name), contents, { mode: 0o755 });
    await rename(draft, folder).catch((error: unknown) => {
      // Another process was faster.
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
