import type { EqualityRun } from '../equality/run-file.ts';

/** What a run of the laboratory found: plain data, from which page, plots and tables are made without a model. */
export interface DetectionResults {
  readonly version: 4;
  readonly profile: 'quick' | 'ci' | 'nightly' | 'full';
  readonly seed: number;
  /** What makes this run again. */
  readonly command: string;
  /** Commit of the code, `-dirty` behind it where files were changed. */
  readonly code: string;
  readonly engine: string;
  readonly machine: string;
  /** ISO day. */
  readonly day: string;
  readonly elapsedS: number;
  readonly honest: readonly HonestRow[];
  readonly attacks: readonly AttackRow[];
  /** The same attacks between other classes than those of `attacks`. */
  readonly otherPairs: readonly AttackRow[];
  /** Steps of the quant ladder below what rows are measured for, each sold as the next higher one. */
  readonly ladder: readonly LadderRow[];
  readonly stage1: readonly Stage1Row[];
  readonly equality: readonly EqualityRow[];
  /** Measured apart, each by its own command, where a machine has the back end. */
  readonly conversations?: readonly EqualityRun[];
  readonly ejection: readonly EjectionRow[];
  readonly classClaims: readonly ClassClaimRow[];
  readonly otherModels: readonly OtherModelRow[];
  readonly verifiers: readonly VerifierStrategyRow[];
  readonly auditTells: readonly AuditTellRow[];
  readonly aims: readonly AimRow[];
  /** Markdown: what a reader has to know of this run, that it was cut short, or what has changed since. Before all else on the page. */
  readonly caveat?: string;
  /** Attacks of the catalogue that no check is there for, and why. Stands first on the page. */
  readonly notCaught: readonly { readonly attack: string; readonly why: string }[];
}

/** A share with its 95 % interval. */
export interface Share {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly of: number;
}

export interface ComparedPair {
  /** Weight type that is sold: f16, q8_0, ... */
  readonly weights: string;
  /** Short names of engine settings: `cpu-fast`, `cpu-exact`, `vulkan`, ... */
  readonly provider: string;
  readonly verifier: string;
}

/** Honest drift of one pair: provider stepwise, verifier teacher-forced. */
export interface HonestRow extends ComparedPair {
  readonly model: string;
  readonly replies: number;
  readonly tokens: number;
  /** Replies that equal the re-run in every byte. */
  readonly identical: number;
  /** Per window of 32 tokens. */
  readonly scores: Readonly<Record<ScoreName, Quantiles>>;
  readonly ownDrawMismatch: Share;
  /** Per reply: how much the differences of its sketches point one way. */
  readonly coherence: Quantiles;
  /** Variance of a reply's mean over that of as many independent windows, for the sketch distance and the shift. */
  readonly inflation: { readonly sketch: number; readonly logprob: number };
  /** Windows that the fixed 0.10 / 0.10 rejects. */
  readonly fallbackRejects: Share;
  /** Time of the check over time of serving, median over replies; undefined where neither was timed. */
  readonly checkCost: number | undefined;
}

export type ScoreName = 'sketch' | 'logprob' | 'kolmogorov' | 'tail' | 'drawGap';

export interface Quantiles {
  readonly median: number;
  readonly p99: number;
  /** Upper 95 % limit of the 99 % quantile. */
  readonly p99High: number;
  readonly max: number;
}

export interface CatchRate {
  readonly falseRejectRate: number;
  readonly caught: Share;
  /** The threshold lies beyond the honest sample, on a fitted tail. */
  readonly extrapolated: boolean;
}

/** Over orders of the replies at hand, none of which comes twice. */
export interface DetectionDecision {
  readonly median: number;
  /** 90 % quantile; undefined where fewer orders decide. */
  readonly p90: number | undefined;
}

/** What a verifier of the provider's exact class sees: replies that differ, and the first differing token. */
export interface Difference {
  readonly differ: Share;
  readonly medianToken: number;
  readonly lastToken: number;
}

export interface AttackRow extends ComparedPair {
  readonly attack: string;
  readonly family: string;
  readonly aim: string;
  readonly replies: number;
  readonly tokens: number;
  /** Replies that intake or stage 1 refutes, without a model. */
  readonly stage1: Share;
  /** The same of those that reached the token limit: short ones have fewer draws to be refuted by. */
  readonly stage1Full: Share;
  /** Of those the first position whose draw did not replay, where one did not. */
  readonly refutedAt?: readonly number[];
  /** Where a verifier of the provider's exact class is there. */
  readonly equality: Difference | undefined;
  /** The same on another back end, of the attacks that compute something else. */
  readonly vulkan: Difference | undefined;
  /** Values, against a verifier of another class. */
  readonly auc: Share | undefined;
  /** Medians per window of the two distances, and per reply of the coherence; undefined where stage 1 leaves nothing to compare. */
  readonly medians: { readonly sketch: number; readonly logprob: number; readonly coherence: number } | undefined;
  readonly perWindow: readonly CatchRate[];
  readonly perReply: readonly CatchRate[];
  /** Tokens of one provider, in replies of one window, until the evidence is 1e6 to 1; undefined where half the orders never are. */
  readonly tokensToDecide: DetectionDecision | undefined;
  /** Whole replies until then. */
  readonly repliesToDecide: DetectionDecision | undefined;
  /** Windows that the fixed 0.10 / 0.10 lets pass. */
  readonly fallbackPasses: Share;
  /** Time of the check over time of serving, as signed: median over replies; undefined where nothing was scored. */
  readonly checkCost: number | undefined;
  /** Rejected replies by the check that rejected them. */
  readonly caughtBy: Readonly<Record<string, number>>;
  /** Rejects by scores whose most likely attack is of this one's kind (name-kind.ts); what no row knows anything like has no name. */
  readonly named: Share | undefined;
  /** Those that name this very attack: several of one kind compute the same. */
  readonly namedExactly?: Share | undefined;
  /** Tokens of one provider against the evidence that they give, natural log. */
  readonly evidence: readonly (readonly [tokens: number, logEvidence: number])[];
}

/** Pair.weights is what was sold. */
export interface LadderRow extends ComparedPair {
  readonly attack: string;
  readonly replies: number;
  readonly equality: Difference | undefined;
  /** Median sketch distance of a window. */
  readonly sketch: number;
  /** Windows of honest replies of the weights that were sold, and the largest distance among them. */
  readonly honestWindows: number;
  readonly farthestHonest: number;
  /** Windows that lie farther than all of those. */
  readonly beyondHonest: Share;
  /** Windows that the fixed 0.10 / 0.10 lets pass. */
  readonly fallbackPasses: Share;
  /** Replies that the fixed limits of all scores reject. */
  readonly rejected: Share;
}

export interface Stage1Row {
  readonly source: string;
  readonly tokens: number;
  readonly replies: number;
  readonly mismatches: number;
  /** Parsing, hashing and replaying, median over replies: microseconds a token. */
  readonly usPerToken: number;
}

export interface EqualityRow {
  readonly backend: string;
  readonly weights: string;
  readonly variant: string;
  readonly tokens: number;
  readonly differing: number;
}

export interface EjectionRow {
  readonly test: string;
  readonly lifetimes: number;
  readonly replies: number;
  readonly beta: number;
  readonly ejected: Share;
}

/** How well somebody tells what is audited, or a honeypot, from the rest, by all that it sees. */
export interface AuditTellRow {
  /** Share of replies that is audited. */
  readonly audited: number;
  readonly question: string;
  /** Who looks. */
  readonly view: string;
  readonly positives: number;
  readonly negatives: number;
  /** Of a classifier, on examples that it was not trained on; 0.5 is not at all. Mean and 95 % interval. */
  readonly auc: { readonly mean: number; readonly low: number; readonly high: number };
}

/** What is claimed where no row of the table has the class, whatever it is called. */
export const UNLISTED = 'unlisted';

/** A cheat in the exact class that declares another: the truth would be refuted by equality, at the first token. */
export interface ClassClaimRow {
  readonly claim: string;
  readonly weights: string;
  /** Short name of the class's settings, or UNLISTED. */
  readonly claimed: string;
  readonly verifier: string;
  readonly attack: string;
  /** Replies that are rejected at 1e-2. */
  readonly lying: Share;
  readonly tokensToDecide: DetectionDecision | undefined;
  /** Windows that the fixed 0.10 / 0.10 lets pass. */
  readonly fallbackPasses: Share;
}

/** Honest replies of one model, judged by what was measured on another: why rows of a drift table name the model. */
export interface OtherModelRow extends ComparedPair {
  readonly model: string;
  readonly measuredOn: string;
  /** Honest replies that are rejected at 1e-2. */
  readonly rejected: Share;
}

/** One lazy or lying verifier among honest ones, run by the code of a validator (lab/src/verifiers). */
export interface VerifierStrategyRow {
  /** How many follow the strategy, and how much is audited. */
  readonly setting: string;
  readonly strategy: string;
  readonly what: string;
  /** Runs in which all who follow it were excluded from the draw. */
  readonly excluded: Share;
  /** Jobs of one of them until then, or until the run ended: mean and 95 % interval. */
  readonly jobs: { readonly mean: number; readonly low: number; readonly high: number };
  /** Replies of honest providers that were rejected. */
  readonly honestRejected: Share;
  /** Honest providers that were ejected and honest verifiers that were excluded, in all runs. */
  readonly honestLost: number;
  /** Replies of a cheat that were paid; of none where there is no cheat. */
  readonly cheatsPaid: Share;
}

/**
 * Where the aim lies against the 95 % interval of what was measured: `met` and `missed` where the interval, or a count that has none,
 * leaves no doubt; `undecided` where it holds both, or nothing was measured.
 */
export type AimOutcome = 'met' | 'missed' | 'undecided';

export interface AimRow {
  readonly aim: string;
  readonly measured: string;
  readonly outcome: AimOutcome;
  /** Where the aim is not met: the reason and the next idea. */
  readonly note: string;
}
