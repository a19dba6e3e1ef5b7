import type { GpuBackend, GpuDevice } from '../library.ts';
import { listMetalDevices } from './metal-device.ts';

/** Findings about each back end; an absence says why it cannot be used. */
export interface FoundBackends {
  readonly platform: string;
  readonly cpuAbsence: string | undefined;
  readonly cudaAbsence: string | undefined;
  readonly cudaDevices: readonly GpuDevice[];
  readonly vulkanAbsence: string | undefined;
  readonly vulkanDevices: readonly GpuDevice[];
  /** Back ends whose build is here; another is fetched at its first use. */
  readonly builds: readonly GpuBackend[];
}

export interface JudgedBackend {
  readonly backend: GpuBackend | 'cpu';
  readonly isUsable: boolean;
  /** Devices, or why there is none and what would help. */
  readonly reason: string;
}

/** A back end that is worth taking on a machine, and the reason. */
export interface WorthyBackend {
  readonly backend: GpuBackend | 'cpu';
  readonly why: string;
}

export interface BackendChoice {
  /** All of them, in the order of preference. */
  readonly backends: readonly JudgedBackend[];
  /** The back ends for `--backend auto`, the first one first; the CPU is the last. Empty if nothing runs. */
  readonly order: readonly WorthyBackend[];
  /** The back end that is likely the fastest here; undefined if none runs. */
  readonly advised: GpuBackend | 'cpu' | undefined;
  readonly why: string;
}

/** Chooses among the back ends of a machine. `--backend auto` takes the first one that can compute the model. */
export function chooseBackend(found: FoundBackends): BackendChoice {
  const describe = (backend: GpuBackend, devices: readonly GpuDevice[]): string =>
    `${devices.map(({ name, driver }) => `${name} (${driver})`).join(', ')}; taken with --backend ${backend}` +
    (found.builds.includes(backend) || backend === 'metal' ? '' : ', which fetches its build once');
  const judge = (backend: GpuBackend, absence: string | undefined, devices: readonly GpuDevice[]): JudgedBackend => ({
    ...{ backend, isUsable: absence === undefined },
    reason: absence ?? describe(backend, devices),
  });
  const metalDevices = listMetalDevices({ platform: found.platform });
  const backends: readonly JudgedBackend[] = [
    judge('cuda', found.cudaAbsence, found.cudaDevices),
    judge('metal', metalDevices.length === 0 ? 'only on Apple chips' : undefined, metalDevices),
    judge('vulkan', found.vulkanAbsence, found.vulkanDevices),
    { backend: 'cpu', isUsable: found.cpuAbsence === undefined, reason: found.cpuAbsence ?? 'runs here' },
  ];
  const usable = (backend: GpuBackend | 'cpu'): boolean =>
    backends.some((each) => each.backend === backend && each.isUsable);
  const [first] = found.vulkanDevices;
  const isCard = first?.kind === 'discrete' || first?.kind === 'virtual';
  const cpuWhy = usable('vulkan')
    ? `the first Vulkan device is ${first?.kind ?? 'unknown'}, which is seldom faster; compare with doctor <model> --backend vulkan`
    : 'no GPU can be used';
  const order = [
    { backend: 'cuda', why: 'a card with its own memory; verifiers compare its replies by scores' },
    ...(isCard
      ? [{ backend: 'vulkan', why: 'a card with its own memory; verifiers need the same device and driver' }]
      : []),
    { backend: 'metal', why: 'the GPU of the chip; verifiers compare its replies by scores' },
    { backend: 'cpu', why: cpuWhy },
  ].filter((each): each is WorthyBackend => usable(each.backend as WorthyBackend['backend']));
  const [{ backend: advised, why } = { backend: undefined, why: found.cpuAbsence ?? 'nothing runs here' }] = order;
  return { backends, order, advised, why };
}
