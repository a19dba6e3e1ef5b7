import type { SegmentEngineInfo, SegmentOutput, SegmentPass } from '../interface/segment.ts';
import type { ChildContract } from './child-messages.ts';

export type SegmentCall =
  | { readonly kind: 'run'; readonly pass: SegmentPass }
  | { readonly kind: 'drop'; readonly sequence: number; readonly position: number };

/** Messages between the child process of a segment and its parent. */
export interface SegmentContract<L extends ChildContract['load'] = ChildContract['load']> extends ChildContract {
  readonly load: L;
  readonly info: SegmentEngineInfo;
  readonly call: SegmentCall;
  readonly results: { readonly run: SegmentOutput; readonly drop: undefined };
}
