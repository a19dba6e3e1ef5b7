import type { AgentStep } from '@ogong/protocol/verdict/agent/agent-chain';

/**
 * `schema`: the JSON schema of a tool has a keyword that is not checked. `history`: the first messages have calls already. `step-limit`:
 * the model still asks for calls after the last permitted step. `too-many-calls`: one answer asks for more calls than a request may have.
 * `budget`: the fees have reached their limit. `refused`: an answer failed its checks. `gateway`: no answer came. `aborted`: the caller
 * gave up.
 */
export type AgentErrorCode =
  | 'schema'
  | 'history'
  | 'step-limit'
  | 'too-many-calls'
  | 'budget'
  | 'refused'
  | 'gateway'
  | 'aborted';

/** A run that has no answer. */
export class AgentError extends Error {
  override readonly name = 'AgentError';
  readonly code: AgentErrorCode;
  readonly retryable: boolean;
  /** The steps before the error. Their answers passed their checks and are paid. */
  readonly steps: readonly AgentStep[];

  constructor(
    code: AgentErrorCode,
    message: string,
    details: { readonly steps?: readonly AgentStep[]; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.code = code;
    this.steps = details.steps ?? [];
    this.retryable = (details.cause as { retryable?: unknown } | undefined)?.retryable === true;
  }
}
