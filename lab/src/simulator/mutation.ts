import type { PlannedFault, PlannedRules } from './plan.ts';

/** A known bug that is planted again by changing a line of the product. */
export interface Mutation {
  readonly name: string;
  readonly meaning: string;
  /** Path in the repository. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly from: string;
  readonly to: string;
  /** A defence behind the first that would hide it, planted with it. */
  readonly also?: readonly { readonly file: string; readonly from: string; readonly to: string }[];
  /** Options of its runs. Default: drawn. */
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
    readonly hasHub?: boolean;
  };
}
