import { DEFAULT_FORMAT } from '@ogong/protocol/modality/text/answer/answer-format';
import type { TextCapabilities } from '../interface/text.ts';

/** Kinds of servers; `openai` is any other that speaks OpenAI's API. */
export const UPSTREAM_KINDS = ['llama-server', 'vllm', 'sglang', 'ollama', 'openai'] as const;
export type UpstreamKind = (typeof UPSTREAM_KINDS)[number];

/** Observed behaviour of a server. Nothing here rests on its claims, or on its name. */
export interface UpstreamFindings {
  readonly address: string;
  readonly kind: UpstreamKind;
  /** Name of the model in requests. */
  readonly model: string;
  /** Name of the model in the server's answers. */
  readonly answersAs: string | undefined;
  /** Tokens of prompt and reply, if the server says so. */
  readonly contextSize: number | undefined;
  /** The field that limits a reply. */
  readonly limitField: 'max_tokens' | 'max_completion_tokens';
  /** It counts the tokens of prompts and replies. */
  readonly usage: boolean;
  /** It names the tokens of replies, without being asked for log-probabilities. */
  readonly tokenIds: boolean;
  /** Alternatives of each token, with log-probabilities. */
  readonly alternatives: number;
  readonly promptLogprobs: boolean;
  /** `repeats`: one seed gave one text twice; `differs`: it gave two; `refused`: it takes none. */
  readonly seeds: 'repeats' | 'differs' | 'refused';
  readonly hiddenStates: boolean;
  /** It takes tools and answers to their calls. */
  readonly tools: boolean;
  /** It continues texts, beside answering chats. */
  readonly completions: boolean;
}

/** Servers that take top-k and min-p beside OpenAI's fields. */
const TAKES_FILTERS: readonly UpstreamKind[] = ['llama-server', 'vllm', 'sglang'];
/** Servers whose biases are by token, as a request has them. */
const TAKES_BIAS: readonly UpstreamKind[] = ['llama-server', 'vllm', 'sglang', 'openai'];
const TAKES_TOKENS: readonly UpstreamKind[] = ['llama-server', 'vllm', 'sglang'];

export const UPSTREAM_FORMAT = { ...DEFAULT_FORMAT, reasoning: 'marked' } as const;

/** Returns the capabilities of an engine in front of the server. */
export function toCapabilities({ kind, completions, alternatives, tools }: UpstreamFindings): TextCapabilities {
  return {
    ...{ exact: false, trace: false, draws: false, score: false, resume: false, tokenize: false, tools },
    prompts: [
      'chat',
      ...(completions ? (['text'] as const) : []),
      ...(completions && TAKES_TOKENS.includes(kind) ? (['tokens'] as const) : []),
    ],
    // Others take other languages for grammars, and none of them says whether it keeps to one.
    grammar: kind === 'llama-server',
    bias: TAKES_BIAS.includes(kind),
    filters: TAKES_FILTERS.includes(kind),
    // Others take no such field, or do not say whether it covers the prompt.
    repetition: kind === 'llama-server' ? 'windowed' : kind === 'vllm' ? 'whole' : 'none',
    alternatives,
  };
}

/** States no more than was seen. The path `signed` never claims to be exact. */
export function nameUpstreamClass(findings: UpstreamFindings): string {
  const { kind, usage, tokenIds, alternatives, promptLogprobs, seeds, hiddenStates, tools } = findings;
  const seen = [
    ...(usage ? ['usage'] : []),
    ...(tokenIds ? ['token-ids'] : []),
    ...(alternatives > 0 ? [`logprobs-${alternatives}`] : []),
    ...(promptLogprobs ? ['prompt-logprobs'] : []),
    ...(seeds === 'repeats' ? ['seeds'] : []),
    ...(hiddenStates ? ['hidden-states'] : []),
    ...(tools ? ['tools'] : []),
  ];
  return ['upstream', kind, 'unknown', 'signed', 'unknown', 'unknown', ...seen].join('/');
}

/** Describes each finding and its consequence on one line. */
export function describeFindings(findings: UpstreamFindings): readonly (readonly [what: string, found: string])[] {
  const { kind, model, answersAs, contextSize, usage, tokenIds, alternatives, promptLogprobs, seeds } = findings;
  const { hiddenStates, completions, tools } = findings;
  const yes = (is: boolean): string => (is ? 'yes' : 'no');
  return [
    ['server', kind],
    ['model', answersAs === undefined || answersAs === model ? model : `${model}, which answers as ${answersAs}`],
    ['context', contextSize === undefined ? 'not said' : `${contextSize} tokens`],
    ['counts tokens', yes(usage)],
    ['names tokens', yes(tokenIds)],
    ['log-probabilities', alternatives === 0 ? 'no' : `of ${alternatives} candidates`],
    ['of prompts', yes(promptLogprobs)],
    [
      'seeds',
      seeds === 'repeats' ? 'one seed gave one text twice' : seeds === 'differs' ? 'one seed gave two texts' : 'no',
    ],
    ['hidden states', yes(hiddenStates)],
    ['continues texts', yes(completions)],
    ['takes tools', yes(tools)],
  ];
}

/** Describes the consequence in words. */
export function describePosture({ alternatives, tokenIds }: UpstreamFindings): readonly string[] {
  const shows = alternatives > 0 ? `log-probabilities of ${alternatives} candidates` : 'no log-probabilities';
  return [
    'It can be served in tier vanilla: a signature only. Nobody can check which model answered, and nobody audits it.',
    `It cannot be served in tier verified: it does not draw by the protocol's sampler, and makes no sketches (${shows}${tokenIds ? ', and token ids' : ''}).`,
    ...(alternatives > 0
      ? ['Statistics of log-probabilities could tell some other models from this one. No tier uses them yet.']
      : []),
  ];
}
