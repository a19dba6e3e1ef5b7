import type {
  Prompt,
  TextEngineInfo,
  TextScoringRequest,
  TextScoringResult,
  TextTracingRequest,
  TextTracingResult,
} from '../interface/text.ts';
import type { ChildContract } from './child-messages.ts';

export type TextCall =
  | { readonly kind: 'score'; readonly request: TextScoringRequest }
  | { readonly kind: 'trace'; readonly request: TextTracingRequest }
  | { readonly kind: 'tokenize'; readonly prompt: Prompt }
  | { readonly kind: 'template'; readonly prompt: Prompt }
  | { readonly kind: 'detokenize'; readonly tokens: Uint32Array };

export interface TextCallResults {
  readonly score: TextScoringResult;
  readonly trace: TextTracingResult;
  readonly tokenize: Uint32Array;
  readonly template: boolean;
  readonly detokenize: Uint8Array;
}

/** Messages between the child process of a text model and its parent. */
export interface TextContract<L extends ChildContract['load'] = ChildContract['load']> extends ChildContract {
  readonly load: L;
  readonly info: TextEngineInfo;
  readonly call: TextCall;
  readonly results: TextCallResults;
}
