import { FALLBACK_THRESHOLDS } from '@ogong/protocol/modality/text/drift/thresholds';
import { type AttackDefinition, pairEngines } from './attack.ts';
import { CHEAP_MODELS, type CheapModel } from './cheap-models.ts';
import { createMassage, type MassageStyle, type Tolerances } from './massaged-reply.ts';

/** What an attacker allows itself who knows what an auditor forgives: less than half of it, since honest drift comes on top. */
const KNOWN: Tolerances = {
  positionGap: FALLBACK_THRESHOLDS.omission.doubt / 2,
  // In probability, as its own values show it: one draw in a window that is a third off. The auditor's limit is in nats and forgives more.
  windowGap: 0.01,
};
/** Where a drift table judges: as far as the draws of honest replies stray between classes, and as seldom. */
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
 * Pre-fill, made to replay: where the cheap model's token is not the one that the true values draw, the signed values are
 * bent by the least that makes them draw it. Who knows what an auditor forgives bends no more than that and takes the true
 * model's own token elsewhere, from where the cheap one goes on: fewer tokens are cheap, and none is far off.
 */
function defineMassage({ name, what, recipe, soldAs }: CheapModel, style: Style): AttackDefinition {
  const own = `massaged${style.name}-${name}`;
  const aim = `decode with ${what}, pre-fill the true values and bend them ${style.how}`;
  return {
    name: own,
    family: 'sampling',
    aim,
    // Where nothing had to be bent, lists are as long as the cheap model's, or a tail names a token of its choice.
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

/** Bending further than these pays for nobody: their tokens miss too often. */
const MASSAGED = new Set(['q8-0', 'q5-k-m', 'q4-0', 'noise-1e-3', 'noise-1e-2']);
const models = CHEAP_MODELS.filter(({ name }) => MASSAGED.has(name));

/** Coarser models need so many corrections that nothing is left to gain. */
const NEAR = new Set(['q8-0', 'noise-1e-3']);

export const MASSAGE_ATTACKS: readonly AttackDefinition[] = [
  ...models.map((model) => defineMassage(model, BLIND)),
  ...models.map((model) => defineMassage(model, KNOWING)),
  ...models.filter(({ name }) => NEAR.has(name)).map((model) => defineMassage(model, CAREFUL)),
  ...models.filter(({ name }) => NEAR.has(name)).map((model) => defineMassage(model, HIDDEN)),
];
