import type { TextEngine } from '@ogong/engine/interface/text';
import type { RequestPlan } from '@ogong/provider/calibration/request-plan';
import type { ReplyDraft } from '@ogong/provider/modality/text/commit-reply';
import type { EngineRecipe, WeightRecipe } from '../forge/recipe.ts';

/** The cheats of the demo: one for each way to detect a cheat. */
export const CHEAT_MODES = ['prefill', 'substitute', 'tamper', 'withhold'] as const;
export type CheatMode = (typeof CHEAT_MODES)[number];

export type AttackFamily = 'weights' | 'sampling' | 'commitment' | 'behaviour';
export type SoldType = 'f16' | 'q8_0';

export interface AttackDefinition {
  /** Kebab-case, unique. */
  readonly name: string;
  readonly family: AttackFamily;
  /** The attacker's gain, in a sentence. */
  readonly aim: string;
  /**
   * Ids of the checks that may fail when the verifier runs the provider's exact class; no other check fails.
   * catalogue.simulation.test.ts plays every attack. Empty if no check sees the attack: `uncaught` then says why.
   */
  readonly caughtBy: readonly string[];
  /** The part that no check sees, its cost, and the party that pays for it. */
  readonly uncaught?: string;
  /** The weight types of the sold model for which the attack makes sense. Default: all. */
  readonly soldAs?: readonly SoldType[];
  /** The cheap engine that it decodes with. Present exactly if `create` needs one. */
  readonly cheap?: EngineRecipe;
  /** The model that has to be sold for this attack, where not every model will do. */
  readonly sold?: WeightRecipe;
  /** Parts that a request needs for the attack to show. */
  readonly needs?: NonNullable<RequestPlan['needs']>;
  /** `any`: requests with all kinds of sampler settings, for an attack that shows under some only. Default: the usual ones. */
  readonly sampler?: 'any';
  create(context: AttackContext): Attack;
}

export interface AttackContext {
  /** The model that the network sells. */
  readonly engine: TextEngine;
  /** The engine that is used instead. Only attacks with a recipe in `cheap` need it. */
  readonly cheapEngine?: TextEngine;
  /** For attackers that choose at random. Default: 1. */
  readonly seed?: number;
}

/** The parts that a dishonest provider replaces. The provider role that runs them is unchanged. */
export interface Attack {
  readonly name: string;
  readonly aim: string;
  readonly engine: TextEngine;
  /** Changes what is signed. */
  readonly bendReply?: (draft: ReplyDraft) => ReplyDraft;
  /** Changes a stored opening when somebody asks for it. @throws to refuse it. */
  readonly openOpening?: (opening: Uint8Array) => Uint8Array | Promise<Uint8Array>;
  /** Counts so far: positions that it massaged, replies that it gave up. */
  readonly counts?: () => Readonly<Record<string, number>>;
}

export type CreateAttack = (context: AttackContext) => Attack;

/** An engine that poses as `engine`: the attacker answers the calls in `parts`, `engine` all others. */
export function disguiseEngine(engine: TextEngine, parts: Partial<TextEngine>): TextEngine {
  return {
    specificationVersion: engine.specificationVersion,
    info: parts.info ?? (() => engine.info()),
    generate: parts.generate ?? ((request, options) => engine.generate(request, options)),
    score: parts.score ?? ((request, options) => engine.score(request, options)),
    trace: parts.trace ?? ((request, options) => engine.trace(request, options)),
    tokenizePrompt: parts.tokenizePrompt ?? ((prompt) => engine.tokenizePrompt(prompt)),
    encodePicture: parts.encodePicture ?? ((file, options) => engine.encodePicture(file, options)),
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

/** Two engines that pose as the sold one. `close` closes both, even if closing the first one fails. */
export function disguisePair({ engine, cheap }: EnginePair, parts: Omit<Partial<TextEngine>, 'close'>): TextEngine {
  return disguiseEngine(engine, {
    ...parts,
    async close() {
      const results = await Promise.allSettled([engine.close(), cheap.close()]);
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    },
  });
}
