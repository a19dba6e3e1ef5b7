import { utf8Encode } from '@ogong/protocol/base/bytes';
import { createSeededRandom, pick } from '@ogong/protocol/base/seeded-random';
import { createPrompt, drawOutPrompt, PROMPT_KINDS, type PromptKind } from './prompts.ts';

/** Requests to a source; the seed decides prompt and sampler. */
export interface RequestPlan {
  readonly maxTokens: number;
  /** Default: all kinds. */
  readonly kinds?: readonly PromptKind[];
  /** These instead of the kinds: one of them, by the seed. */
  readonly prompts?: readonly string[] | undefined;
  /** A third of the prompts are drawn out to lengths of up to about this, tokens. Default: none is. */
  readonly promptTokens?: number | undefined;
  /** Tokens per word of the model's tokenizer. Default: TOKENS_PER_WORD. */
  readonly tokensPerWord?: number | undefined;
  /**
   * `usual`: temperature 0.8 to 1, top-k 40, top-p 0.95. `any`: all settings that a request may have, extremes and greedy
   * included. `mixed`: one or the other, by the seed. Default: usual.
   */
  readonly sampler?: 'usual' | 'any' | 'mixed';
  /**
   * `seed`: the request names a seed of its own. `repeats`: one of few requests, over and over. `tail`: nothing is cut, so that
   * unlisted tokens are drawn. `tools`: the prompt says in words first what may be called. `grammar`: the answer has to be a JSON object.
   * Default: none of them.
   */
  readonly needs?: 'seed' | 'repeats' | 'tail' | 'tools' | 'grammar' | undefined;
}

/** Returns the kind of a seed's prompt, if a plan names no prompts and no kinds. @param seed u32. */
export const kindOfPrompt = (seed: number): PromptKind => pick(createSeededRandom(seed), PROMPT_KINDS);

/** The body that an OpenAI client would send. @param seed u32. */
export function planRequest(plan: RequestPlan, seed: number): Uint8Array {
  const { maxTokens, kinds = PROMPT_KINDS, sampler = 'usual', needs } = plan;
  if (needs === 'repeats') return planRequest({ ...plan, needs: undefined }, 1 + (seed % REPEATED));
  const random = createSeededRandom(seed);
  const own = plan.prompts ? pick(random, plan.prompts) : createPrompt(pick(random, kinds), seed);
  const prompt =
    plan.promptTokens === undefined ? own : drawOutPrompt(own, seed, plan.promptTokens, plan.tokensPerWord);
  const cut = needs === 'tail' ? {} : { top_p: 0.95, top_k: 40 };
  const isAny = sampler === 'any' || (sampler === 'mixed' && createSeededRandom(seed ^ 0x6d697864)() < ANY_SHARE);
  const settings = isAny ? pickAnySampler(random) : { temperature: round(0.8 + 0.2 * random()), ...cut };
  return utf8Encode(
    JSON.stringify({
      model: 'ogong/verified/lab/model',
      messages: [{ role: 'user', content: needs === 'tools' ? TOOLS + prompt : prompt }],
      max_tokens: maxTokens,
      ...settings,
      ...(needs === 'seed' ? { seed } : {}),
      ...(needs === 'grammar' ? { response_format: { type: 'json_object' } } : {}),
    }),
  );
}

const REPEATED = 4;

/** A message by which clients describe tools to a model if the network carries none; not every template has a place for system messages. */
const TOOLS = '<tools>look_up(word: string), tell_time(place: string)</tools>\n';

/** Share of any settings in mixed requests. They are rare among real requests, but a client may send nothing else. */
const ANY_SHARE = 1 / 3;

const round = (value: number): number => Number(value.toFixed(3));

function pickAnySampler(random: () => number): Readonly<Record<string, unknown>> {
  const sometimes = <T>(share: number, value: () => T): T | undefined => (random() < share ? value() : undefined);
  const biased = (): [string, number] => [String(3 + Math.floor(random() * 300)), round(-5 + 10 * random())];
  return {
    temperature: pick(random, [0, 0.05, 0.3, 0.7, 1, 1, 1.3, 2]),
    top_p: sometimes(0.5, () => round(0.05 + 0.95 * random())),
    top_k: sometimes(0.5, () => pick(random, [1, 2, 5, 20, 40, 64, 200])),
    min_p: sometimes(0.3, () => round(0.5 * random())),
    presence_penalty: sometimes(0.3, () => round(-2 + 4 * random())),
    frequency_penalty: sometimes(0.3, () => round(-2 + 4 * random())),
    logit_bias: sometimes(0.2, () => Object.fromEntries([biased(), biased(), biased()])),
    seed: sometimes(0.2, () => Math.floor(random() * 2 ** 31)),
  };
}
