import type { EngineErrorCode } from '../interface/engine-error.ts';
import type { TextGenerationEvent, TextGenerationRequest } from '../interface/text.ts';
import type { PackedEvents } from './packed-events.ts';
import type { UpstreamAnswer, UpstreamQuestion } from './upstream-port.ts';

/** The types of one modality and back end: the load, the report and the requests of a child. */
export interface ChildContract {
  readonly load: { readonly modelPath: string };
  readonly info: object;
  readonly call: { readonly kind: string };
  /** Results by kind of call. */
  readonly results: object;
}

/** Messages between an engine's child process and its parent (node's IPC, advanced serialization). */
export type ToChild<C extends ChildContract> =
  | { readonly kind: 'load'; readonly options: C['load'] }
  | { readonly kind: 'generate'; readonly id: number; readonly request: TextGenerationRequest }
  | { readonly kind: 'call'; readonly id: number; readonly call: C['call'] }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: UpstreamAnswer }
  | { readonly kind: 'close' };

export interface PlainError {
  readonly code: EngineErrorCode;
  readonly message: string;
  readonly retryable: boolean;
}

export type FromChild<C extends ChildContract> =
  | { readonly kind: 'ready'; readonly info: C['info'] }
  | { readonly kind: 'load-failed'; readonly error: PlainError }
  | { readonly kind: 'ask'; readonly id: number; readonly question: UpstreamQuestion }
  | PackedEvents
  | HostMessage;

/** Answers of a loaded model. */
export type HostMessage =
  /** Everything that one step yielded, in order. */
  | { readonly kind: 'events'; readonly events: readonly (readonly [id: number, event: TextGenerationEvent])[] }
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: PlainError };
