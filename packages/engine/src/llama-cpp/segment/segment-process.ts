import { fileURLToPath } from 'node:url';
import type { SegmentEngine, SegmentEngineInfo, SegmentOutput, SegmentPass } from '../../interface/segment.ts';
import type { ChildContract } from '../../process/child-messages.ts';
import { createSupervisor } from '../../process/supervisor.ts';
import type { LlamaEngineHooks } from '../engine.ts';
import type { SegmentOptions } from './segment-model.ts';

export type SegmentCall =
  | { readonly kind: 'run'; readonly pass: SegmentPass }
  | { readonly kind: 'drop'; readonly sequence: number; readonly position: number };

/** Messages between the child process of a segment and its parent. */
export interface SegmentContract extends ChildContract {
  readonly load: { readonly modelPath: string; readonly options: SegmentOptions };
  readonly info: SegmentEngineInfo;
  readonly call: SegmentCall;
  readonly results: { readonly run: SegmentOutput; readonly drop: undefined };
}

/**
 * Loads a slab into a supervised child process, so that a pass never keeps the parent from its links. A child that ends is started again,
 * with no rows in any sequence.
 * @throws EngineError.
 */
export async function openSegmentProcess(
  modelPath: string,
  options: SegmentOptions,
  hooks: LlamaEngineHooks = {},
): Promise<SegmentEngine> {
  const supervisor = await createSupervisor<SegmentContract>({
    child: { path: fileURLToPath(new URL('./segment-child.ts', import.meta.url)) },
    load: { modelPath, options },
    onEvent: hooks.onEvent,
  });
  return {
    info: () => supervisor.info(),
    run: (pass) => supervisor.call({ kind: 'run', pass }),
    drop: (sequence, position) => supervisor.call({ kind: 'drop', sequence, position }),
    close: () => supervisor.close(),
  };
}
