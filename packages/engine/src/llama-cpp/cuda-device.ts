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

/** The first device. @throws EngineError('unsupported-model') that says what is missing. */
export function openCudaDevice(found: GraphicsCards = listGraphicsCards(), can: CanLoad = canLoad): GpuDevice {
  const absence = explainCudaAbsence(found, can);
  const [device] = listCudaDevices(found);
  if (absence !== undefined || device === undefined)
    throw new EngineError('unsupported-model', absence ?? 'this machine shows no CUDA device');
  return { ...device, driver: `${device.driver} cuda ${findCudaRuntime(can)}` };
}
