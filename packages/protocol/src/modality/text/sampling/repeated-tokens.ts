import { NAT, type SamplerSettings } from './sampler.ts';

/** The tokens that a repetition penalty covers at the next position: the last ones of prompt and reply. */
export interface RepeatedTokens {
  /** Occurrences within the window, by token. */
  readonly counts: ReadonlyMap<number, number>;
  /** Adds the next token of the reply. */
  push(token: number): void;
}

/** @returns undefined if the penalty is off. */
export function createRepeatedTokens(
  { repetitionPenaltyQ16, repetitionWindow: window }: SamplerSettings,
  prompt: ArrayLike<number>,
): RepeatedTokens | undefined {
  if (repetitionPenaltyQ16 === NAT) return undefined;
  const counts = new Map<number, number>();
  /** The last tokens in a ring; unused if the window is the whole context. */
  const recent: number[] = [];
  let pushed = 0;
  const push = (token: number): void => {
    counts.set(token, (counts.get(token) ?? 0) + 1);
    if (window === 0) return;
    const oldest = recent[pushed % window];
    if (oldest !== undefined) {
      const left = (counts.get(oldest) as number) - 1;
      if (left === 0) counts.delete(oldest);
      else counts.set(oldest, left);
    }
    recent[pushed++ % window] = token;
  };
  for (let i = window === 0 ? 0 : Math.max(0, prompt.length - window); i < prompt.length; i++)
    push(prompt[i] as number);
  return { counts, push };
}

/** Returns how many tokens of the prompt the penalty covers at a position of the reply. */
export function countPromptReach(
  { repetitionWindow: window }: SamplerSettings,
  { promptTokenCount, position }: { readonly promptTokenCount: number; readonly position: number },
): number {
  return window === 0 ? promptTokenCount : Math.max(0, Math.min(promptTokenCount, window - position));
}
