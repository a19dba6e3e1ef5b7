import type { TensorInfo, TensorResult, TensorRun } from '../interface/tensor.ts';
import type { ChildContract } from './child-messages.ts';

export interface TensorCall {
  readonly kind: 'run';
  readonly request: TensorRun;
}

export interface TensorResults {
  readonly run: TensorResult;
}

/** Messages between the child process of a model of tensors and its parent. */
export interface TensorContract<L extends ChildContract['load'] = ChildContract['load']> extends ChildContract {
  readonly load: L;
  readonly info: TensorInfo;
  readonly call: TensorCall;
  readonly results: TensorResults;
}
