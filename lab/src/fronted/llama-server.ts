/** A candidate as llama-server lists it. */
export interface ListedToken {
  readonly id: number;
  /** Before its samplers: natural logarithm, of a softmax over the vocabulary. */
  readonly logprob?: number;
  /** Behind its samplers. */
  readonly prob?: number;
}

export interface ListedPosition extends ListedToken {
  readonly top_logprobs?: readonly ListedToken[];
  readonly top_probs?: readonly ListedToken[];
}

export interface Completion {
  readonly tokens: readonly number[];
  readonly completion_probabilities?: readonly ListedPosition[];
}

/** Settings without a sampler but the temperature, which is 1. */
export const PLAIN = {
  ...{ temperature: 1, top_k: 0, top_p: 1, min_p: 0, repeat_penalty: 1 },
  ...{ samplers: ['top_k', 'temperature'], return_tokens: true, cache_prompt: true },
};

/** Asks a llama-server to continue tokens. @throws Error if it refuses. */
export async function complete(address: string, fields: object): Promise<Completion> {
  const body = JSON.stringify({ ...PLAIN, ...fields });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${address}/completion`, { method: 'POST', headers, body });
  if (!response.ok) throw new Error(`${address} answers ${response.status}: ${await response.text()}`);
  return (await response.json()) as Completion;
}

/** The row of log-probabilities by token. @throws Error unless each token of the vocabulary has one. */
export function toRow(position: ListedPosition | undefined, vocabularySize: number): Float32Array {
  const listed = position?.top_logprobs ?? [];
  if (listed.length !== vocabularySize) throw new Error(`it lists ${listed.length} of ${vocabularySize} tokens`);
  const row = new Float32Array(vocabularySize);
  for (const { id, logprob = Number.NEGATIVE_INFINITY } of listed) row[id] = logprob;
  return row;
}
