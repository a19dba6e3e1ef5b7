import { availableParallelism, cpus } from 'node:os';
import { EngineError } from '../../interface/engine-error.ts';
import { type GpuBackend, type GpuDevice, scoreCpuLibraries } from '../library.ts';
import { type BackendChoice, chooseBackend } from './choose-backend.ts';
import { chooseCpuLibrary, runsHere } from './cpu-library.ts';
import { type CanLoad, explainCudaAbsence, listCudaDevices } from './cuda-device.ts';
import { findGpuBuild } from './gpu-build.ts';
import { type GraphicsCard, type GraphicsCards, listGraphicsCards } from './graphics-cards.ts';
import { readAvailableMemory } from './memory.ts';
import { countCores, findLlamaBuild, type LlamaBuild } from './platform.ts';
import { listVulkanDevices } from './vulkan-device.ts';

/** The parts of this machine that llama.cpp can use, before any model is loaded. */
export interface MachineReport {
  readonly processor: string;
  readonly cores: number;
  readonly threads: number;
  readonly availableBytes: number;
  /** Why nothing runs here; undefined if something does. */
  readonly absence: string | undefined;
  /** llama.cpp's release. */
  readonly version: string | undefined;
  /** CPU libraries that run here, the fastest first; empty if the build links one in. */
  readonly cpuLibraries: readonly string[];
  /** The choice of `--isa auto`. */
  readonly chosenCpuLibrary: string | undefined;
  /** Cards on the bus, with or without a driver. */
  readonly cards: readonly GraphicsCard[];
  readonly nvidiaDriver: string | undefined;
  readonly cudaDevices: readonly GpuDevice[];
  readonly vulkanDevices: readonly GpuDevice[];
  /** Every back end: whether it can be used, why not, and which is advised. */
  readonly choice: BackendChoice;
}

/** Sources of the report; a test passes its own. */
export interface MachineSources {
  readonly findBuild: () => LlamaBuild;
  readonly scoreLibraries: (build: LlamaBuild) => ReadonlyMap<string, number>;
  readonly listDevices: () => GpuDevice[];
  readonly listCards: () => GraphicsCards;
  readonly canLoad?: CanLoad;
  readonly platform: string;
}

const SOURCES: MachineSources = {
  findBuild: findLlamaBuild,
  scoreLibraries: scoreCpuLibraries,
  listDevices: listVulkanDevices,
  listCards: listGraphicsCards,
  platform: `${process.platform}-${process.arch}`,
};

/** @param engineDir where fetched builds lie. */
export function inspectMachine(engineDir: string, sources: MachineSources = SOURCES): MachineReport {
  const build = attempt(sources.findBuild);
  const found = inspectGraphics(engineDir, sources, build.why);
  const scores = build.value === undefined ? new Map<string, number>() : sources.scoreLibraries(build.value);
  const usable = [...scores].filter(([name]) => runsHere(name, scores)).sort(([, a], [, b]) => b - a);
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    ...{ cores: countCores(), threads: availableParallelism(), availableBytes: readAvailableMemory() },
    ...{ absence: build.why, version: build.value?.version },
    cpuLibraries: usable.map(([name]) => name),
    chosenCpuLibrary: usable.length === 0 ? undefined : chooseCpuLibrary('auto', scores),
    ...found,
  };
}

/**
 * Chooses among the back ends of this machine. On Linux a Vulkan driver is loaded only if the bus shows a card.
 * A software device is never chosen, and its driver would stay in this process.
 * @param engineDir where fetched builds lie.
 */
export function inspectBackends(engineDir: string, sources: MachineSources = SOURCES): BackendChoice {
  const graphics = sources.listCards();
  const hasCard = graphics.cards.length > 0 || !sources.platform.startsWith('linux-');
  const looked = { ...sources, listCards: () => graphics, ...(!hasCard && { listDevices: () => [] }) };
  return inspectGraphics(engineDir, looked, attempt(sources.findBuild).why).choice;
}

function inspectGraphics(
  engineDir: string,
  { listDevices, listCards, canLoad, platform }: MachineSources,
  cpuAbsence: string | undefined,
): Pick<MachineReport, 'cards' | 'nvidiaDriver' | 'cudaDevices' | 'vulkanDevices' | 'choice'> {
  const devices = attempt(listDevices);
  const vulkanDevices = devices.value ?? [];
  const graphics = listCards();
  const cudaDevices = listCudaDevices(graphics);
  const builds: readonly GpuBackend[] = ['cuda', 'vulkan'];
  return {
    ...graphics,
    ...{ cudaDevices, vulkanDevices },
    choice: chooseBackend({
      ...{ platform, cpuAbsence, cudaDevices, vulkanDevices },
      cudaAbsence: explainCudaAbsence(graphics, canLoad),
      vulkanAbsence: devices.why ?? (vulkanDevices.length === 0 ? 'this machine shows no Vulkan device' : undefined),
      builds: builds.filter((backend) => findGpuBuild(backend, engineDir) !== undefined),
    }),
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
