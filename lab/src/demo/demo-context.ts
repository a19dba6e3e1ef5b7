import type { Mesh } from '@ogong/devnet/mesh/mesh';
import type { LinkPool } from '@ogong/host/link/link-pool';
import type { DemoModels } from './model.ts';
import type { DemoOptions } from './options.ts';
import type { RelayTap } from './relay-tap.ts';
import type { AskedReply, RunRecord } from './run-record.ts';

/** Shared by the parts of a run. */
export interface DemoContext {
  readonly mesh: Mesh;
  readonly models: DemoModels;
  readonly options: DemoOptions;
  readonly links: LinkPool;
  /** In front of the relay of the mesh, where it has one. */
  readonly tap: RelayTap | undefined;
  readonly onProgress: (message: string) => void;
  readonly onReply: (
    reply: AskedReply,
    run: Pick<RunRecord, 'crypto' | 'trust' | 'members' | 'nowMs'>,
  ) => void | Promise<void>;
}
