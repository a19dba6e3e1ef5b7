import type { Engine } from '@ogong/engine/engine';

export const CHEAT_MODES = ['prefill', 'substitute', 'tamper', 'withhold'] as const;
export type CheatMode = (typeof CHEAT_MODES)[number];

export const isCheatMode = (value: string): value is CheatMode => (CHEAT_MODES as readonly string[]).includes(value);

export interface AttackContext {
  /** The model that the network sells. */
  readonly engine: Engine;
  /** The same model in a cheaper quantisation; only the attacks that decode with it need one. */
  readonly cheapEngine?: Engine;
}

/** What a dishonest provider puts in the place of an honest one's parts; the role that runs on them is unchanged. */
export interface Attack {
  readonly mode: CheatMode;
  /** What the attacker hopes to gain, in a sentence. */
  readonly aim: string;
  readonly engine: Engine;
  /** What is handed out in the place of a stored opening. @throws where it is refused. */
  readonly openOpening?: (opening: Uint8Array) => Uint8Array;
}

export type CreateAttack = (context: AttackContext) => Attack;

/** An engine that passes for another: every call goes to `engine` but those that the attacker answers. */
export function disguiseEngine(engine: Engine, parts: Partial<Engine>): Engine {
  return {
    info: parts.info ?? (() => engine.info()),
    generate: parts.generate ?? ((request, options) => engine.generate(request, options)),
    score: parts.score ?? ((request, options) => engine.score(request, options)),
    trace: parts.trace ?? ((request, options) => engine.trace(request, options)),
    tokenizePrompt: parts.tokenizePrompt ?? ((prompt) => engine.tokenizePrompt(prompt)),
    detokenize: parts.detokenize ?? ((tokens) => engine.detokenize(tokens)),
    close: parts.close ?? (() => engine.close()),
  };
}

export function requireCheapEngine({ cheapEngine }: AttackContext, mode: CheatMode): Engine {
  if (!cheapEngine) throw new TypeError(`the attack ${mode} decodes with a cheaper model: give it one`);
  return cheapEngine;
}

/** Closes both, whatever the first one says. */
export async function closeBoth(a: Engine, b: Engine): Promise<void> {
  const results = await Promise.allSettled([a.close(), b.close()]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
