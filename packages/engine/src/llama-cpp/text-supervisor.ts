import { fileURLToPath } from 'node:url';
import { type ChildModule, createSupervisor, type Supervisor, type SupervisorEvent } from '../process/supervisor.ts';
import type { Backend } from './library.ts';
import type { LlamaTextContract, LlamaTextLoad } from './load-options.ts';

/** Keeps one child alive that runs a text model over llama.cpp. */
export type TextSupervisor = Supervisor<LlamaTextContract>;

export interface TextSupervisorOptions {
  readonly load: LlamaTextLoad;
  readonly onEvent?: ((event: SupervisorEvent) => void) | undefined;
  /** What runs instead of the engine's own child. */
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
    environment: environmentOf(load.backend),
    // A machine that was measured anew might choose otherwise, and answer a seeded request otherwise.
    reload: (first, { shapes }) => (shapes === undefined ? first : { ...first, shapes }),
  });

/** Variables that a child needs for its back end. */
export const environmentOf = (backend: Backend): Readonly<Record<string, string>> =>
  // Named outright, because ggml passes over software devices otherwise.
  backend === 'vulkan' ? { GGML_VK_VISIBLE_DEVICES: '0' } : {};
