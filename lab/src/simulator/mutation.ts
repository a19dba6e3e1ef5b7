import type { PlannedFault, PlannedRules } from './plan.ts';

/** A known bug, planted again: a line of the product that says something else. */
export interface Mutation {
  readonly name: string;
  readonly meaning: string;
  /** Path in the repository. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly from: string;
  readonly to: string;
  /** A defence behind the first that would hide it, planted with it. */
  readonly also?: readonly { readonly file: string; readonly from: string; readonly to: string }[];
  /** What of a run is set for it. Default: as drawn. */
  readonly given?: {
    readonly lie?: string;
    readonly epochMs?: number;
    readonly validators?: number;
    readonly gateways?: number;
    readonly faultsPerMinute?: number;
    readonly sieve?: number;
    readonly beacon?: 'threshold' | 'vrf';
    /** Of each role. */
    readonly liars?: number;
    readonly only?: readonly PlannedFault['kind'][];
    readonly rules?: PlannedRules;
  };
}
