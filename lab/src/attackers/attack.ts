import type { TextEngine } from '@ogong/engine/interface/text';
import type { RequestPlan } from '@ogong/provider/calibration/request-plan';
import type { ReplyDraft } from '@ogong/provider/provider/commit-reply';
import type { EngineRecipe, WeightRecipe } from '../forge/recipe.ts';

/** The cheats of the demo: one for each way of being found out. */
export const CHEAT_MODES = ['prefill', 'substitute', 'tamper', 'withhold'] as const;
export type CheatMode = (typeof CHEAT_MODES)[number];

export const isCheatMode = (value: string): value is CheatMode => (CHEAT_MODES as readonly string[]).includes(value);

export type AttackFamily = 'weights' | 'sampling' | 'commitment' | 'behaviour';
export type SoldType = 'f16' | 'q8_0';

export interface AttackDefinition {
  /** Kebab-case, unique. */
  readonly name: string;
  readonly family: AttackFamily;
  /** What the attacker hopes to gain, in a sentence. */
  readonly aim: string;
  /**
   * Ids of the checks that see it where the verifier stands in the provider's exact class; nothing else fails. Every
   * attack of the catalogue is served and judged in catalogue.test.ts. Empty where nothing sees it: `uncaught` then says why.
   */
  readonly caughtBy: readonly string[];
  /** What no check sees, and what it costs whom. */
  readonly uncaught?: string;
  /** The weight types that it makes sense to sell so; absent: any. */
  readonly soldAs?: readonly SoldType[];
  /** What it decodes with; present exactly where `create` needs a cheap engine. */
  readonly cheap?: EngineRecipe;
  /** What has to be sold for it: without, it cannot be played on every model. */
  readonly sold?: WeightRecipe;
  /** What a request must have for the attack to show. */
  readonly needs?: NonNullable<RequestPlan['needs']>;
  /** Requests of any sampler settings, where it shows in some of them alone. Default: the usual. */
  readonly sampler?: 'any';
  create(context: AttackContext): Attack;
}

export interface AttackContext {
  /** The model that the network sells. */
  readonly engine: TextEngine;
  /** What is decoded with instead; only the attacks that have a recipe for one need it. */
  readonly cheapEngine?: TextEngine;
  /** For the attackers that roll dice. Default: 1. */
  readonly seed?: number;
}

/** What a dishonest provider puts in the place of an honest one's parts; the role that runs on them is unchanged. */
export interface Attack {
  readonly name: string;
  readonly aim: string;
  readonly engine: TextEngine;
  /** What is signed in the place of what was served. */
  readonly bendReply?: (draft: ReplyDraft) => ReplyDraft;
  /** What is handed out in the place of a stored opening. @throws where it is refused. */
  readonly openOpening?: (opening: Uint8Array) => Uint8Array | Promise<Uint8Array>;
  /** What it did so far, for whoever measures: positions that were massaged, replies that were given up. */
  readonly counts?: () => Readonly<Record<string, number>>;
}

export type CreateAttack = (context: AttackContext) => Attack;

/** An engine that passes for another: every call goes to `engine` but those that the attacker answers. */
export function disguiseEngine(engine: TextEngine, parts: Partial<TextEngine>): TextEngine {
  return {
    specificationVersion: engine.specificationVersion,
    info: parts.info ?? (() => engine.info()),
    generate: parts.generate ?? ((request, options) => engine.generate(request, options)),
    score: parts.score ?? ((request, options) => engine.score(request, options)),
    trace: parts.trace ?? ((request, options) => engine.trace(request, options)),
    tokenizePrompt: parts.tokenizePrompt ?? ((prompt) => engine.tokenizePrompt(prompt)),
    detokenize: parts.detokenize ?? ((tokens) => engine.detokenize(tokens)),
    close: parts.close ?? (() => engine.close()),
  };
}

/** The engine that is sold, and the one that is cheaper to run. */
export interface EnginePair {
  readonly engine: TextEngine;
  readonly cheap: TextEngine;
}

/** @throws TypeError where the context has no cheap engine. */
export function pairEngines({ engine, cheapEngine: cheap }: AttackContext, name: string): EnginePair {
  if (!cheap) throw new TypeError(`the attack ${name} decodes with a cheaper model: give it one`);
  return { engine, cheap };
}

/** Two engines that pass for the one that is sold; closes both, whatever the first one says. */
export function disguisePair({ engine, cheap }: EnginePair, parts: Omit<Partial<TextEngine>, 'close'>): TextEngine {
  return disguiseEngine(engine, {
    ...parts,
    async close() {
      const results = await Promise.allSettled([engine.close(), cheap.close()]);
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    },
  });
}
