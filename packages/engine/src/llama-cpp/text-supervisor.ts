import { fileURLToPath } from 'node:url';
import { type ChildModule, createSupervisor, type Supervisor, type SupervisorEvent } from '../process/supervisor.ts';
import type { Backend } from './library.ts';
import type { LlamaTextContract, LlamaTextLoad } from './load-options.ts';

/** Keeps one child alive that runs a text model over llama.cpp. */
export type TextSupervisor = Supervisor<LlamaTextContract>;

export interface TextSupervisorOptions {
  readonly load: LlamaTextLoad;
  readonly onEvent?: ((event: SupervisorEvent) => void) | undefined;
  /** A module that runs instead of the engine's own child. */
  readonly child?: ChildModule | undefined;
}

const CHILD: ChildModule = { path: fileURLToPath(new URL('./child.ts', import.meta.url)) };

export const createTextSupervisor = ({
  load,
  onEvent,
  child = CHILD,
}: TextSupervisorOptions): Promise<TextSupervisor> =>
  createSupervisor<LlamaTextContract>({
    ...{ load, onEvent, child },
    environment: environmentOf(load.backend, load.tensorSplit?.length),
    // A new measurement might choose other shapes, and then a seeded request would get another answer.
    reload: (first, { shapes }) => (shapes === undefined ? first : { ...first, shapes }),
  });

const ENVIRONMENTS: Readonly<Record<Backend, Readonly<Record<string, string>>>> = {
  cpu: {},
  // Named explicitly, because ggml otherwise skips software devices.
  vulkan: { GGML_VK_VISIBLE_DEVICES: '0' },
  metal: {},
  // CUDA orders devices by speed by default.
  cuda: { CUDA_DEVICE_ORDER: 'PCI_BUS_ID', CUDA_VISIBLE_DEVICES: '0' },
};

/** Variables that a child needs for its back end. @param cards of CUDA, the first ones of the bus. */
export function environmentOf(backend: Backend, cards = 1): Readonly<Record<string, string>> {
  if (backend !== 'cuda' || cards === 1) return ENVIRONMENTS[backend];
  return { ...ENVIRONMENTS.cuda, CUDA_VISIBLE_DEVICES: Array.from({ length: cards }, (_, index) => index).join() };
}
