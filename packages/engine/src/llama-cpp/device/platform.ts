import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { EngineError } from '../../interface/engine-error.ts';

/** The folder and the file names of this platform's prebuilt llama.cpp. */
export interface LlamaBuild {
  readonly directory: string;
  /** llama.cpp's release, from the file names. */
  readonly version: string;
  readonly base: string;
  readonly ggml: string;
  readonly llama: string;
  /** CPU back ends by ISA name; empty if the build links a single one in. */
  readonly cpuLibraries: ReadonlyMap<string, string>;
  /** The back end of a GPU, if the build has one. */
  readonly gpu?: string;
}

interface Platform {
  readonly packageName: string;
  readonly folder: string;
  readonly prefix: string;
  readonly suffix: string;
}

/** The only release whose structures this binding knows (see library.ts). */
export const LLAMA_VERSION = '0.5.0';

const PLATFORMS: Readonly<Record<string, Platform>> = {
  'linux-x64': { packageName: '@node-llama-cpp/linux-x64', folder: 'linux-x64', prefix: 'lib', suffix: '.so' },
  'linux-arm64': { packageName: '@node-llama-cpp/linux-arm64', folder: 'linux-arm64', prefix: 'lib', suffix: '.so' },
  'darwin-arm64': {
    packageName: '@node-llama-cpp/mac-arm64-metal',
    folder: 'mac-arm64-metal',
    prefix: 'lib',
    suffix: '.dylib',
  },
  'win32-x64': { packageName: '@node-llama-cpp/win-x64', folder: 'win-x64', prefix: '', suffix: '.dll' },
};

/** @throws EngineError('unsupported-model') if this platform has no build or its package is not installed. */
export function findLlamaBuild(platform = `${process.platform}-${process.arch}`): LlamaBuild {
  const entry = PLATFORMS[platform];
  if (entry === undefined) {
    throw new EngineError(
      'unsupported-model',
      `no prebuilt llama.cpp for ${platform}; there is one for ${Object.keys(PLATFORMS).join(', ')}`,
    );
  }
  const found = findPackage(entry.packageName);
  if (found === undefined) {
    throw new EngineError(
      'unsupported-model',
      `the package ${entry.packageName} is not installed; run npm install without --omit=optional`,
    );
  }
  return describeBuild(join(found, 'bins', entry.folder), entry);
}

/** @param gpu the back end that the build has beside the CPU's; it stands between name and version in the files' names. */
export function describeBuild(
  directory: string,
  { prefix, suffix }: Pick<Platform, 'prefix' | 'suffix'>,
  gpu?: string,
): LlamaBuild {
  const variant = gpu === undefined ? '' : `.${gpu}`;
  const library = (name: string): string => {
    const versioned = join(directory, `${prefix}${name}${variant}.v${LLAMA_VERSION}${suffix}`);
    return existsSync(versioned) ? versioned : join(directory, `${prefix}${name}${suffix}`);
  };
  const cpuPrefix = `${prefix}ggml-cpu-`;
  const cpuLibraries = new Map(
    readdirSync(directory)
      .filter((name) => name.startsWith(cpuPrefix) && name.endsWith(suffix))
      .map((name) => [name.slice(cpuPrefix.length, -suffix.length), join(directory, name)]),
  );
  return {
    directory,
    version: LLAMA_VERSION,
    base: library('ggml-base'),
    ggml: library('ggml'),
    llama: library('llama'),
    cpuLibraries,
    ...(gpu !== undefined && existsSync(library(`ggml-${gpu}`)) ? { gpu: library(`ggml-${gpu}`) } : {}),
  };
}

export function findPackage(name: string): string | undefined {
  const require = createRequire(import.meta.url);
  // The package exports no package.json, so its folder is found the way node looks for it.
  for (const base of require.resolve.paths(name) ?? []) {
    const directory = join(base, name);
    if (existsSync(join(directory, 'package.json'))) return directory;
  }
  return undefined;
}

/** Physical cores: with more threads than that, ggml's spinning barrier can stall for minutes. */
export function countCores(): number {
  const logical = availableParallelism();
  try {
    const cores = new Set<string>();
    let socket = '0';
    for (const line of readFileSync('/proc/cpuinfo', 'utf8').split('\n')) {
      const [key = '', value = ''] = line.split(':').map((part) => part.trim());
      if (key === 'physical id') socket = value;
      if (key === 'core id') cores.add(`${socket}/${value}`);
    }
    if (cores.size > 0) return Math.max(1, Math.min(cores.size, logical));
  } catch {
    // Not Linux: only the logical count is known.
  }
  return Math.max(1, logical);
}
