import {
  type ChoiceFinish,
  FINISH_REASONS,
  type Identity,
  type TokenUsage,
} from '@ogong/protocol/modality/text/dialect/completion-formats';
import type { NamespacedName } from '@ogong/protocol/modality/text/dialect/namespaces';
import type { Json } from '../../openai/format.ts';

export interface ResponsesAnswer {
  readonly identity: Identity;
  /** The request's fields, which the answer repeats. */
  readonly asked: Json;
  /** Names of functions in namespaces, by their names in the chat. */
  readonly namespaced: ReadonlyMap<string, NamespacedName>;
  readonly nowMs: () => number;
  /** The id of a call, counted from 0. */
  readonly nameCall: (call: number) => string;
}

export type ResponseStatus = 'in_progress' | 'completed' | 'incomplete' | 'failed';

interface ResponseState {
  readonly status: ResponseStatus;
  readonly output: readonly Json[];
  readonly usage?: TokenUsage;
  readonly error?: Json;
}

export const toStatus = ({ stopReason }: Pick<ChoiceFinish, 'stopReason'>): 'completed' | 'incomplete' =>
  FINISH_REASONS[stopReason] === 'length' ? 'incomplete' : 'completed';

/** The object that begins and ends a stream, and is the body of an answer at once. */
export function toResponse(
  { identity: { id, created, model }, asked, nowMs }: ResponsesAnswer,
  { status, output, usage, error }: ResponseState,
): Json {
  const text = (asked.text ?? {}) as Json;
  return {
    ...{ id, object: 'response', created_at: created, status, background: false, error: error ?? null },
    completed_at: status === 'completed' ? Math.floor(nowMs() / 1000) : null,
    incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    ...{ instructions: asked.instructions ?? null, max_output_tokens: asked.max_output_tokens ?? null },
    ...{ model, output, parallel_tool_calls: asked.parallel_tool_calls ?? true, previous_response_id: null },
    ...{ reasoning: { effort: null, summary: null }, store: false, temperature: asked.temperature ?? 1 },
    text: { format: text.format ?? { type: 'text' } },
    ...{ tool_choice: asked.tool_choice ?? 'auto', tools: toTools(asked.tools), top_p: asked.top_p ?? 1 },
    ...{ truncation: 'disabled', metadata: asked.metadata ?? {} },
    ...(usage && { usage: toUsage(usage) }),
  };
}

/** A function in an answer has every field, also those that the request left out. */
const toTools = (tools: unknown): readonly unknown[] =>
  Array.isArray(tools)
    ? tools.map((tool: Json) => (tool.type === 'function' ? { parameters: null, strict: null, ...tool } : tool))
    : [];

const toUsage = ({ promptTokens, outputTokens, cachedTokens = 0 }: TokenUsage): Json => ({
  input_tokens: promptTokens,
  input_tokens_details: { cached_tokens: cachedTokens, cache_write_tokens: 0 },
  output_tokens: outputTokens,
  // How many of them are reasoning is not counted.
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: promptTokens + outputTokens,
});
