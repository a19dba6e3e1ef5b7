import { ProtocolError } from '../../base/bytes.ts';
import { type Codec, i32, refine, struct, u32, within } from '../../base/codec.ts';
import { RequestError } from '../shared/request-error.ts';
import { type BodyFields, parseNumber, toFixed } from '../shared/request-fields.ts';

/** 1 in a committed number: a whole schedule, or a momentum. */
const PLAN_ONE = 2 ** 16;

/** Steps that are guided, and the momentum of the guidance (docs/spec/trajectory.md). All numbers are in units of 1/65,536. */
export interface GuidancePlan {
  /** Share of the schedule before the window, 0..65,536. */
  readonly startQ16: number;
  /** Share of the schedule up to the end of the window; above `startQ16`, at most 65,536. */
  readonly endQ16: number;
  /** Factor of the guidance of the step before: -65,535..65,535. 0: none. */
  readonly momentumQ16: number;
}

/** A plan that differs from guidance over all steps without momentum. The usual guidance has no plan, so a choice has one encoding. */
export const guidancePlanCodec: Codec<GuidancePlan> = refine(
  struct({
    startQ16: within(u32, 0, PLAN_ONE),
    endQ16: within(u32, 0, PLAN_ONE),
    momentumQ16: within(i32, 1 - PLAN_ONE, PLAN_ONE - 1),
  }),
  (plan) => {
    if (plan.startQ16 >= plan.endQ16)
      throw new ProtocolError('malformed', 'a guidance window that ends before it starts');
    if (isUsual(plan)) throw new ProtocolError('malformed', 'a plan of the usual guidance');
  },
);

const isUsual = ({ startQ16, endQ16, momentumQ16 }: GuidancePlan): boolean =>
  startQ16 === 0 && endQ16 === PLAN_ONE && momentumQ16 === 0;

/** Returns whether the guidance has momentum. */
export const hasMomentum = (plan: Pick<GuidancePlan, 'momentumQ16'> | undefined): boolean =>
  plan !== undefined && plan.momentumQ16 !== 0;

/** Returns whether two plans are the same; undefined is the usual guidance. */
export const isSamePlan = (one: GuidancePlan | undefined, other: GuidancePlan | undefined): boolean =>
  one?.startQ16 === other?.startQ16 && one?.endQ16 === other?.endQ16 && one?.momentumQ16 === other?.momentumQ16;

/** Formats a plan with the names of the request's fields. */
export const formatPlan = ({ startQ16, endQ16, momentumQ16 }: GuidancePlan) => ({
  guidance_start: startQ16 / PLAN_ONE,
  guidance_end: endQ16 / PLAN_ONE,
  guidance_momentum: momentumQ16 / PLAN_ONE,
});

/**
 * Parses `guidance_start`, `guidance_end` and `guidance_momentum`.
 * @param guidanceQ16 the request's guidance; undefined if it leaves it to the model.
 * @returns undefined for the usual guidance.
 * @throws RequestError
 */
export function parseGuidancePlan(fields: BodyFields, guidanceQ16: number | undefined): GuidancePlan | undefined {
  const parse = (key: string, low: number, fallback: number): number =>
    // Plus zero: -0 is no value of its own.
    toFixed(parseNumber(fields, key, low, 1, fallback), PLAN_ONE) + 0;
  const plan = {
    startQ16: parse('guidance_start', 0, 0),
    endQ16: parse('guidance_end', 0, 1),
    momentumQ16: parse('guidance_momentum', -1, 0),
  };
  if (plan.startQ16 >= plan.endQ16) throw new RequestError('guidance_end must be above guidance_start', 'guidance_end');
  if (Math.abs(plan.momentumQ16) >= PLAN_ONE)
    throw new RequestError('guidance_momentum must be a number above -1 and below 1', 'guidance_momentum');
  if (hasMomentum(plan) && guidanceQ16 !== undefined && guidanceQ16 <= PLAN_ONE)
    throw new RequestError(NEEDS_GUIDANCE, 'guidance_momentum');
  return isUsual(plan) ? undefined : plan;
}

/** The reason why momentum is refused for guidance of 1 or less. */
export const NEEDS_GUIDANCE = 'guidance_momentum needs guidance above 1';

/** The reason why momentum is refused for a link of a chain: it would begin again. */
export const NEEDS_ALL_STEPS = 'guidance_momentum needs a picture that is made in one order';

/** How one step is guided. */
export interface StepGuidance {
  /** Factor g. 1 outside the window, where the negative prompt is not read. */
  readonly factor: number;
  /** Factor b of the momentum. The output of such a step is both answers. Undefined: the output is the guided one. */
  readonly momentum: number | undefined;
}

/** A picture whose steps are guided. */
export interface GuidedPicture {
  readonly guidance: number;
  readonly guidancePlan?: GuidancePlan | undefined;
  /** Steps of the whole schedule. */
  readonly steps: number;
  /** Steps that are left out at its beginning. Default: 0. */
  readonly leftOut?: number | undefined;
  /** The step before which a link ends. Default: none is left out at the end. */
  readonly lastStep?: number | undefined;
}

/**
 * Plans the guidance of each step that runs. Step i of the N steps of the whole schedule is in the window if start N <= i < end N. Half a
 * unit is subtracted from both shares. A share such as 0.8 rounds up, and 0.8 of 5 steps would end after step 4.
 */
export function planGuidance({
  guidance,
  guidancePlan: plan,
  steps,
  leftOut = 0,
  lastStep = steps,
}: GuidedPicture): readonly StepGuidance[] {
  const momentum = plan && hasMomentum(plan) ? plan.momentumQ16 / PLAN_ONE : undefined;
  return Array.from({ length: Math.max(0, lastStep - leftOut) }, (_, i) => {
    const at = 2 * PLAN_ONE * (leftOut + i);
    const isInside =
      plan === undefined || ((2 * plan.startQ16 - 1) * steps <= at && at < (2 * plan.endQ16 - 1) * steps);
    return isInside ? { factor: guidance, momentum } : { factor: 1, momentum: undefined };
  });
}

/** Counts the outputs of each step in lengths of a latent: two for a step with momentum. */
export const countAnswers = ({ momentum }: StepGuidance): 1 | 2 => (momentum === undefined ? 1 : 2);
