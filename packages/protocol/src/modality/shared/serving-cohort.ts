import { findWeakestProblem } from '../../exchange/cohort/segment.ts';
import type { NamedOrder } from '../../exchange/order.ts';
import { findUnmetDemand } from '../demands.ts';
import type { CommonRequest } from '../modality.ts';

/** The part of a cohort's terms that an audit of its reply reads (docs/spec/cohorts.md). */
export interface ServingCohort {
  readonly orderHash: Uint8Array;
  /** In the order of their layers; the last one leads. */
  readonly members: readonly {
    readonly firstLayer: number;
    readonly layers: number;
    readonly numericClass: string;
    /** Ed25519 key of the member's roots, 32 bytes. */
    readonly sessionKey: Uint8Array;
  }[];
}

/**
 * Finds the reason that a member does not keep a promise of the request: its tier, or a demanded class. A cohort counts as its weakest
 * member. @throws ProtocolError if the model of the request is no id.
 */
export function findWeakness(
  { model, demands }: Pick<CommonRequest, 'model' | 'demands'>,
  { members }: Pick<ServingCohort, 'members'>,
  { modelRoot }: Pick<NamedOrder, 'modelRoot'>,
): string | undefined {
  const classes = members.map(({ numericClass }) => numericClass);
  const [unmet] = classes.flatMap((numericClass) => findUnmetDemand(demands, { numericClass, modelRoot }) ?? []);
  return findWeakestProblem(model, classes) ?? unmet;
}
