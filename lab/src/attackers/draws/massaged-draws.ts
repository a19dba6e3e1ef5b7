import { FALLBACK_THRESHOLDS } from '@ogong/protocol/modality/text/drift/thresholds';
import { type AttackDefinition, pairEngines } from '../attack.ts';
import { CHEAP_MODELS, type CheapModel } from '../cheap-models.ts';
import { createMassage, type MassageStyle, type Tolerances } from './massaged-reply.ts';

/** The budget of an attacker that knows the auditor's limits: at most half of them, because honest drift is added. */
const KNOWN: Tolerances = {
  positionGap: FALLBACK_THRESHOLDS.omission.doubt / 2,
  // A probability under the attacker's own values: one draw per window may be off by a third. The auditor's limit, in nats, allows more.
  windowGap: 0.01,
};
/** The budget against a drift table: as far, and as seldom, as honest draws are off between classes. */
const DRIFT: Tolerances = { positionGap: 0.002, windowGap: 0.00025 };
const ANYTHING: Tolerances = { positionGap: 1, windowGap: 1 };

interface Style extends MassageStyle {
  /** Part of the attack's name. */
  readonly name: '' | '-knowing' | '-careful' | '-hidden';
  readonly how: string;
}

const BLIND: Style = { name: '', how: 'until every draw replays', tolerances: ANYTHING, thrift: 'largest' };
const KNOWS = { thrift: 'mean', lists: true } as const;
const KNOWING: Style = { name: '-knowing', how: 'as far as tolerances reach', tolerances: KNOWN, ...KNOWS };
const CAREFUL: Style = { name: '-careful', how: 'as far as honest draws stray', tolerances: DRIFT, ...KNOWS };
const HIDDEN: Style = {
  name: '-hidden',
  how: 'as far as honest draws stray, in noise of its own',
  tolerances: DRIFT,
  ...KNOWS,
  hides: true,
};

/**
 * Pre-fill that passes the replay of its draws. If the true values draw another token than the cheap model's, the
 * attacker bends the signed values just enough to draw the cheap one. An attacker that knows the auditor's
 * limits stays below them: elsewhere it takes the true model's token, and the cheap model goes on from there. Fewer
 * tokens are then cheap.
 */
function defineMassage({ name, what, recipe, soldAs }: CheapModel, style: Style): AttackDefinition {
  const own = `massaged${style.name}-${name}`;
  const aim = `decode with ${what}, pre-fill the true values and bend them ${style.how}`;
  return {
    name: own,
    family: 'sampling',
    aim,
    // A reply without a bend still shows: its lists are as long as the cheap model's, or a tail names another token.
    caughtBy: ['equality', 'own-choice'],
    ...(style !== BLIND
      ? { uncaught: 'replies in which no draw needed bending: they are what the true model says' }
      : {}),
    cheap: { weights: recipe },
    ...(soldAs ? { soldAs } : {}),
    create(context) {
      const massage = createMassage(pairEngines(context, own), style);
      return { name: own, aim, ...massage };
    },
  };
}

/** Coarser models are not worth massaging: too many of their tokens miss. */
const MASSAGED = new Set(['q8-0', 'q5-k-m', 'q4-0', 'noise-1e-3', 'noise-1e-2']);
const models = CHEAP_MODELS.filter(({ name }) => MASSAGED.has(name));

/** Within a small budget, coarser models need so many corrections that the attacker gains nothing. */
const NEAR = new Set(['q8-0', 'noise-1e-3']);

export const MASSAGE_ATTACKS: readonly AttackDefinition[] = [
  ...models.map((model) => defineMassage(model, BLIND)),
  ...models.map((model) => defineMassage(model, KNOWING)),
  ...models.filter(({ name }) => NEAR.has(name)).map((model) => defineMassage(model, CAREFUL)),
  ...models.filter(({ name }) => NEAR.has(name)).map((model) => defineMassage(model, HIDDEN)),
];
