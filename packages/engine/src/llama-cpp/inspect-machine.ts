import { availableParallelism, cpus } from 'node:os';
import { EngineError } from '../interface/engine-error.ts';
import { chooseCpuLibrary, runsHere } from './cpu-library.ts';
import { scoreCpuLibraries } from './library.ts';
import { readAvailableMemory } from './memory.ts';
import { countCores, findLlamaBuild, type LlamaBuild } from './platform.ts';
import { findVulkanBuild } from './vulkan-build.ts';
import { listVulkanDevices, type VulkanDevice } from './vulkan-device.ts';

/** What this machine has for llama.cpp, before any model. */
export interface MachineReport {
  readonly processor: string;
  readonly cores: number;
  readonly threads: number;
  readonly availableBytes: number;
  /** Why nothing runs here; undefined where something does. */
  readonly absence: string | undefined;
  /** llama.cpp's release. */
  readonly version: string | undefined;
  /** CPU libraries that run here, the fastest first; empty where the build links one in. */
  readonly cpuLibraries: readonly string[];
  /** What `--isa auto` takes. */
  readonly chosenCpuLibrary: string | undefined;
  readonly vulkanDevices: readonly VulkanDevice[];
  /** Why `--backend vulkan` finds no device; undefined where it finds one. */
  readonly vulkanAbsence: string | undefined;
  readonly isVulkanBuildHere: boolean;
}

/** What can be looked for; a test gives its own. */
export interface MachineSources {
  readonly findBuild: () => LlamaBuild;
  readonly scoreLibraries: (build: LlamaBuild) => ReadonlyMap<string, number>;
  readonly listDevices: () => VulkanDevice[];
}

const SOURCES: MachineSources = {
  findBuild: findLlamaBuild,
  scoreLibraries: scoreCpuLibraries,
  listDevices: listVulkanDevices,
};

/** @param engineDir where fetched builds lie. */
export function inspectMachine(engineDir: string, sources: MachineSources = SOURCES): MachineReport {
  const build = attempt(sources.findBuild);
  const scores = build.value === undefined ? new Map<string, number>() : sources.scoreLibraries(build.value);
  const usable = [...scores].filter(([name]) => runsHere(name, scores)).sort(([, a], [, b]) => b - a);
  const devices = attempt(sources.listDevices);
  const found = devices.value ?? [];
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    ...{ cores: countCores(), threads: availableParallelism(), availableBytes: readAvailableMemory() },
    ...{ absence: build.why, version: build.value?.version },
    cpuLibraries: usable.map(([name]) => name),
    chosenCpuLibrary: usable.length === 0 ? undefined : chooseCpuLibrary('auto', scores),
    vulkanDevices: found,
    vulkanAbsence: devices.why ?? (found.length === 0 ? 'this machine shows no Vulkan device' : undefined),
    isVulkanBuildHere: findVulkanBuild(engineDir) !== undefined,
  };
}

function attempt<T>(look: () => T): { readonly value?: T; readonly why?: string } {
  try {
    return { value: look() };
  } catch (error) {
    if (error instanceof EngineError) return { why: error.message };
    throw error;
  }
}
