import koffi from 'koffi';
import { EngineError } from '../../interface/engine-error.ts';
import type { GpuDevice } from '../library.ts';
import { type GraphicsCards, listGraphicsCards } from './graphics-cards.ts';

/** Releases of CUDA whose runtime the fetched builds are linked with, the newest first. */
const RUNTIMES = [13, 12] as const;
export type CudaRuntime = (typeof RUNTIMES)[number];

const DRIVER = 'libcuda.so.1';
const runtimeFiles = (runtime: CudaRuntime): readonly string[] => [
  `libcudart.so.${runtime}`,
  `libcublas.so.${runtime}`,
];

/** Whether the system finds a library by its name. */
export type CanLoad = (library: string) => boolean;

const canLoad: CanLoad = (library) => {
  try {
    koffi.load(library);
    return true;
  } catch {
    return false;
  }
};

/** The release and version that NVIDIA's driver reports. */
interface CudaDriver {
  /** The newest CUDA that it knows: 13000 is 13.0, and 13010 is 13.1. */
  readonly release: number;
  /** Compute capabilities of all cards: 90 is 9.0. */
  readonly capabilities: readonly number[];
}

/** cuda.h, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR. */
const [MAJOR, MINOR] = [75, 76];
const MAX_CARDS = 64;

/** @returns undefined if there is no driver to ask. */
function askDriver(): CudaDriver | undefined {
  try {
    const library = koffi.load(DRIVER);
    const read = (call: (out: number[]) => unknown): number => {
      const out = [0];
      if (call(out) !== 0) throw new Error('the driver refused');
      return out[0] as number;
    };
    const version = library.func('int cuDriverGetVersion(_Out_ int *version)');
    const count = library.func('int cuDeviceGetCount(_Out_ int *count)');
    const attribute = library.func('int cuDeviceGetAttribute(_Out_ int *value, int attribute, int device)');
    if (library.func('int cuInit(uint flags)')(0) !== 0) return undefined;
    const cards = Math.min(MAX_CARDS, read(count));
    return {
      release: read(version),
      capabilities: Array.from(
        { length: cards },
        (_, card) => 10 * read((out) => attribute(out, MAJOR, card)) + read((out) => attribute(out, MINOR, card)),
      ),
    };
  } catch {
    return undefined;
  }
}

/**
 * The build for the runtime of CUDA 13 has machine code for these cards alone. For the others the driver compiles it, and must know
 * CUDA 13.1: an older one ends the process at the first kernel (docs/adr/shape-classes.md).
 */
const COMPILED_FOR: readonly number[] = [86, 89, 120, 121];
const COMPILED_BY = 13_010;

const knowsKernels = (runtime: CudaRuntime, driver: CudaDriver | undefined): boolean =>
  runtime !== 13 ||
  driver === undefined ||
  driver.release >= COMPILED_BY ||
  driver.capabilities.every((capability) => COMPILED_FOR.includes(capability));

/** The newest runtime of which all parts are installed, and whose kernels the driver can run. */
export const findCudaRuntime = (
  can: CanLoad = canLoad,
  driver: CudaDriver | undefined = askDriver(),
): CudaRuntime | undefined =>
  RUNTIMES.find((runtime) => runtimeFiles(runtime).every(can) && knowsKernels(runtime, driver));

/** Lists the cards that CUDA computes on, in the order of the PCI bus, which text-supervisor.ts makes CUDA's own. */
export function listCudaDevices({ cards, nvidiaDriver }: GraphicsCards = listGraphicsCards()): GpuDevice[] {
  if (nvidiaDriver === undefined) return [];
  return cards
    .filter(({ vendor }) => vendor === 'NVIDIA')
    .map(({ name, id }, index) => ({ backend: 'cuda', index, name: name ?? `NVIDIA ${id}`, driver: nvidiaDriver }));
}

/** Why CUDA cannot be used, and what would help; undefined if it can. */
export function explainCudaAbsence(
  found: GraphicsCards = listGraphicsCards(),
  can: CanLoad = canLoad,
  driver: CudaDriver | undefined = askDriver(),
): string | undefined {
  const nvidia = found.cards.filter(({ vendor }) => vendor === 'NVIDIA');
  if (nvidia.length === 0) return 'this machine has no NVIDIA card';
  const named = nvidia.map(({ name, id }) => name ?? id).join(', ');
  if (found.nvidiaDriver === undefined)
    return `${named}: NVIDIA's kernel driver is not loaded; install the driver package of your system and restart`;
  if (!can(DRIVER)) return `${named}: ${DRIVER} of NVIDIA's driver is not installed`;
  if (findCudaRuntime(can, driver) !== undefined) return undefined;
  if (driver !== undefined && findCudaRuntime(can, { ...driver, release: COMPILED_BY }) !== undefined)
    return (
      `${named}: the driver knows CUDA ${nameRelease(driver.release)}, and llama.cpp's kernels for this card need ` +
      `${nameRelease(COMPILED_BY)}. Install driver 590 or newer, or the runtime of CUDA 12, or take --backend vulkan`
    );
  const wanted = RUNTIMES.map((runtime) => runtimeFiles(runtime).join(' and ')).join(', or ');
  return `${named}: the CUDA runtime is not installed: ${wanted}`;
}

/**
 * The first card, or the first ones as one device, whose name says all of them.
 * @throws EngineError('unsupported-model') that says what is missing.
 */
export function openCudaDevice(
  found: GraphicsCards = listGraphicsCards(),
  can: CanLoad = canLoad,
  cards = 1,
  driver: CudaDriver | undefined = askDriver(),
): GpuDevice {
  const absence = explainCudaAbsence(found, can, driver);
  const devices = listCudaDevices(found);
  const [device] = devices;
  if (absence !== undefined || device === undefined)
    throw new EngineError('unsupported-model', absence ?? 'this machine shows no CUDA device');
  if (devices.length < cards) {
    const names = devices.map(({ name }) => name).join(', ');
    throw new EngineError(
      'unsupported-model',
      `a model for ${cards} cards; this machine shows ${devices.length}: ${names}`,
    );
  }
  const name = cards === 1 ? device.name : nameCards(devices.slice(0, cards));
  return { ...device, name, driver: `${device.driver} cuda ${findCudaRuntime(can, driver)}` };
}

const nameRelease = (release: number): string => `${Math.floor(release / 1000)}.${Math.floor((release % 1000) / 10)}`;

/** Characters that a numeric class has for a device's name. */
const NAME_ROOM = 44;

function nameCards(devices: readonly GpuDevice[]): string {
  const names = new Set(devices.map(({ name }) => name));
  if (names.size === 1) return `${devices.length}x ${[...names].join('')}`;
  // Each gets its part of the room, so that no card is left out.
  const room = Math.floor(NAME_ROOM / devices.length) - 1;
  return devices.map(({ name }) => name.replace(/^NVIDIA /, '').slice(0, room)).join('+');
}
