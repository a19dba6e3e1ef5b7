import type { DecodeRequest, DenoiseRequest, EncodeRequest } from '../decode/trajectory/trajectory-calls.ts';
import type { EncodedLatent, StepOutput, TrajectoryInfo } from '../interface/trajectory.ts';
import type { ChildContract } from './child-messages.ts';

export type TrajectoryCall =
  | { readonly kind: 'denoise'; readonly request: DenoiseRequest }
  | { readonly kind: 'decode'; readonly request: DecodeRequest }
  | { readonly kind: 'encode'; readonly request: EncodeRequest }
  | { readonly kind: 'tokenize'; readonly prompt: string };

export interface TrajectoryResults {
  readonly denoise: StepOutput;
  readonly decode: Uint8Array;
  readonly encode: EncodedLatent;
  readonly tokenize: Uint32Array;
}

/** Messages between the child process of a model of pictures and its parent. */
export interface TrajectoryContract<L extends ChildContract['load'] = ChildContract['load']> extends ChildContract {
  readonly load: L;
  readonly info: TrajectoryInfo;
  readonly call: TrajectoryCall;
  readonly results: TrajectoryResults;
}
