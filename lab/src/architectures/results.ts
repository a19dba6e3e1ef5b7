/** Measurements of one recipe of @ogong/testing/models/architectures. */
export interface ArchitectureResult {
  readonly name: string;
  /** `general.architecture`. */
  readonly architecture: string;
  readonly features: readonly string[];
  readonly classes: readonly ClassResult[];
  /** In the first class that served exactly; none where there is no such class. */
  readonly attacks: readonly AttackResult[];
}

/** A model in one weight type, served in one way. Has `served` or `refusal`. */
export interface ClassResult {
  readonly weights: string;
  readonly way: string;
  readonly numericClass?: string;
  readonly served?: {
    readonly replies: number;
    readonly tokens: number;
    /** Replies that a second engine did not reproduce to the last bit. */
    readonly differing: number;
    /** Prompt tokens that were found in the KV cache. */
    readonly cached: number;
  };
  /** Why nothing was served that could be compared. */
  readonly refusal?: string;
}

/** Has `played` or `refusal`. */
export interface AttackResult {
  readonly name: string;
  readonly played?: {
    readonly replies: number;
    readonly caught: number;
    /** Checks that failed. */
    readonly by: readonly string[];
  };
  /** Why the attacker cannot serve. */
  readonly refusal?: string;
}

export interface ArchitectureRun {
  readonly version: 1;
  readonly machine: string;
  /** ISO day. */
  readonly day: string;
  readonly results: readonly ArchitectureResult[];
}

/** @throws if the text is no JSON or of another version. */
export function parseArchitectureRun(text: string): ArchitectureRun {
  const run = JSON.parse(text) as ArchitectureRun;
  if (run?.version !== 1) throw new Error(`results of version ${run?.version}, this code reads 1`);
  return run;
}
