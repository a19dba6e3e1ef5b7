import koffi from 'koffi';
import { EngineError } from '../interface/engine-error.ts';
import { type GraphicsCards, listGraphicsCards } from './graphics-cards.ts';
import type { GpuDevice } from './library.ts';

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

/** The newest runtime of which all parts are installed. */
export const findCudaRuntime = (can: CanLoad = canLoad): CudaRuntime | undefined =>
  RUNTIMES.find((runtime) => runtimeFiles(runtime).every(can));

/** What CUDA computes on, in the order of the PCI bus, which text-supervisor.ts makes CUDA's own. */
export function listCudaDevices({ cards, nvidiaDriver }: GraphicsCards = listGraphicsCards()): GpuDevice[] {
  if (nvidiaDriver === undefined) return [];
  return cards
    .filter(({ vendor }) => vendor === 'NVIDIA')
    .map(({ name, id }, index) => ({ backend: 'cuda', index, name: name ?? `NVIDIA ${id}`, driver: nvidiaDriver }));
}

/** Why CUDA cannot be used, and what would help; undefined where it can. */
export function explainCudaAbsence(
  found: GraphicsCards = listGraphicsCards(),
  can: CanLoad = canLoad,
): string | undefined {
  const nvidia = found.cards.filter(({ vendor }) => vendor === 'NVIDIA');
  if (nvidia.length === 0) return 'this machine has no NVIDIA card';
  const named = nvidia.map(({ name, id }) => name ?? id).join(', ');
  if (found.nvidiaDriver === undefined)
    return `${named}: NVIDIA's kernel driver is not loaded; install the driver package of your system and restart`;
  if (!can(DRIVER)) return `${named}: ${DRIVER} of NVIDIA's driver is not installed`;
  if (findCudaRuntime(can) !== undefined) return undefined;
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
): GpuDevice {
  const absence = explainCudaAbsence(found, can);
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
  return { ...device, name, driver: `${device.driver} cuda ${findCudaRuntime(can)}` };
}

/** Characters that a numeric class has for a device's name. */
const NAME_ROOM = 44;

function nameCards(devices: readonly GpuDevice[]): string {
  const names = new Set(devices.map(({ name }) => name));
  if (names.size === 1) return `${devices.length}x ${[...names].join('')}`;
  // Each gets its part of the room, so that no card is left out.
  const room = Math.floor(NAME_ROOM / devices.length) - 1;
  return devices.map(({ name }) => name.replace(/^NVIDIA /, '').slice(0, room)).join('+');
}
