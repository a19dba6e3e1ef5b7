/** Names of sources and verifiers in a sample store, so that a store may hold several models and ways to run them. */
export interface SourceId {
  /** The model, or its weights. */
  readonly model: string;
  /** `honest`, or what else was done. */
  readonly behaviour: string;
  readonly setup: string;
  readonly maxTokens: number;
  /** Some prompts are drawn out to as many tokens at most; absent if none is. */
  readonly promptTokens?: number | undefined;
}

export const HONEST = 'honest';

/**
 * The basis of a row besides plain honest replies: any sampler settings, messages on which engines differ most, and prompts that
 * begin in the cache. Contexts that few replies reach do not belong here: a row judges up to its longest reply.
 */
const CALIBRATING: ReadonlySet<string> = new Set(['', '-any', '-griefed', '-shared'].map((kind) => HONEST + kind));

/** Whether replies of this behaviour measure honest drift. */
export const isHonest = (behaviour: string): boolean => CALIBRATING.has(behaviour);
export const isCheat = (behaviour: string): boolean => behaviour !== HONEST && !behaviour.startsWith(`${HONEST}-`);

export function formatSourceId({ model, behaviour, setup, maxTokens, promptTokens }: SourceId): string {
  const id = `${model}/${behaviour}/${setup}/${maxTokens}`;
  return promptTokens === undefined ? id : `${id}/${promptTokens}`;
}

const COUNT = /^[1-9]\d{0,6}$/;

/** @returns undefined for a source that was named otherwise. */
export function parseSourceId(text: string): SourceId | undefined {
  const [model, behaviour, setup, tokens, prompt, ...rest] = text.split('/');
  if (!model || !behaviour || !setup || !COUNT.test(tokens ?? '') || rest.length > 0) return undefined;
  if (prompt !== undefined && !COUNT.test(prompt)) return undefined;
  return { model, behaviour, setup, maxTokens: Number(tokens), ...(prompt && { promptTokens: Number(prompt) }) };
}

export const formatVerifierId = ({ model, setup }: Pick<SourceId, 'model' | 'setup'>): string => `${model}/${setup}`;
