import type { EqualityRun } from '../equality/run-file.ts';

/** The results of a run of the laboratory: plain data. Page, plots and tables are made from it without a model. */
export interface DetectionResults {
  readonly version: 5;
  readonly profile: 'quick' | 'ci' | 'nightly' | 'full';
  readonly seed: number;
  /** The command that repeats this run. */
  readonly command: string;
  /** Commit of the code, with `-dirty` if files were changed. */
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
  /** Steps of the quant ladder below the weight types with rows, each sold as the next higher one. */
  readonly ladder: readonly LadderRow[];
  readonly stage1: readonly Stage1Row[];
  readonly equality: readonly EqualityRow[];
  /** Measured by `npm run equality`, on machines with the back end. */
  readonly conversations?: readonly EqualityRun[];
  readonly ejection: readonly EjectionRow[];
  readonly classClaims: readonly ClassClaimRow[];
  readonly otherModels: readonly OtherModelRow[];
  readonly verifiers: readonly VerifierStrategyRow[];
  readonly auditTells: readonly AuditTellRow[];
  readonly aims: readonly AimRow[];
  /** A caveat in Markdown at the top of the page, such as an aborted run or later changes. */
  readonly caveat?: string;
  /** Attacks of the catalogue for which no check exists, and why. Near the top of the page. */
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
  /** Per reply: how far the differences of its sketches share one direction. */
  readonly coherence: Quantiles;
  /** Variance of a reply's mean over that of as many independent windows, for the sketch distance and the shift. */
  readonly inflation: { readonly sketch: number; readonly logprob: number };
  /** Windows that the fixed 0.10 / 0.10 rejects. */
  readonly fallbackRejects: Share;
  /** Time of the check over time of serving, median over replies; undefined if they were not timed. */
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
  /** Whether the threshold lies beyond the honest sample, on a fitted tail. */
  readonly extrapolated: boolean;
}

/** Over random orders of the sampled replies; an order takes each reply once. */
export interface DetectionDecision {
  readonly median: number;
  /** 90 % quantile; undefined if fewer orders decide. */
  readonly p90: number | undefined;
}

/** The result of a verifier of the provider's exact class: replies that differ, and the first differing token. */
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
  /** The same for replies that reached the token limit. Short ones have fewer draws that can refute them. */
  readonly stage1Full: Share;
  /** For each of those that stage 1 refuted by a draw: the first position that did not replay. */
  readonly refutedAt?: readonly number[];
  /** Undefined without a verifier of the provider's exact class. */
  readonly equality: Difference | undefined;
  /** The same on another back end, for attacks that compute something else. */
  readonly vulkan: Difference | undefined;
  /** Values, against a verifier of another class. */
  readonly auc: Share | undefined;
  /** Medians of both distances per window and of the coherence per reply; undefined if stage 1 leaves nothing to compare. */
  readonly medians: { readonly sketch: number; readonly logprob: number; readonly coherence: number } | undefined;
  readonly perWindow: readonly CatchRate[];
  readonly perReply: readonly CatchRate[];
  /** Tokens of one provider, in replies of one window, until the odds are 1e6 to 1; undefined if half the orders never get there. */
  readonly tokensToDecide: DetectionDecision | undefined;
  /** Whole replies until then. */
  readonly repliesToDecide: DetectionDecision | undefined;
  /** Windows that the fixed 0.10 / 0.10 lets pass. */
  readonly fallbackPasses: Share;
  /** Time of the check over the signed time of serving, median over replies; undefined if nothing was scored. */
  readonly checkCost: number | undefined;
  /** Number of rejected replies by the check that rejected them. */
  readonly caughtBy: Readonly<Record<string, number>>;
  /** Share of rejects by scores that name an attack of this kind (name-kind.ts). Replies that no row covers have no name. */
  readonly named: Share | undefined;
  /** Share that names exactly this attack. Attacks of one kind compute alike, so this may be low. */
  readonly namedExactly?: Share | undefined;
  /** Evidence against one provider by its tokens, natural log. */
  readonly evidence: readonly (readonly [tokens: number, logEvidence: number])[];
}

/** `weights` is the sold type. */
export interface LadderRow extends ComparedPair {
  readonly attack: string;
  readonly replies: number;
  readonly equality: Difference | undefined;
  /** Median sketch distance of a window. */
  readonly sketch: number;
  /** Windows of honest replies of the sold weights, and below the largest distance among them. */
  readonly honestWindows: number;
  readonly farthestHonest: number;
  /** Windows that lie farther than all honest ones. */
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

/** How well one party can tell audits or honeypots from other traffic, by everything that it sees. */
export interface AuditTellRow {
  /** Share of replies that is audited. */
  readonly audited: number;
  readonly question: string;
  /** The party. */
  readonly view: string;
  readonly positives: number;
  readonly negatives: number;
  /** AUC of a classifier on examples that it was not trained on; 0.5 is chance. Mean and 95 % interval. */
  readonly auc: { readonly mean: number; readonly low: number; readonly high: number };
}

/** Stands for any claimed class that no row of the table has. */
export const UNLISTED = 'unlisted';

/** A cheat in the exact class that declares another class, because equality would refute it at the first token. */
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

/** Honest replies of one model, judged by rows of another. They show why rows of a drift table name the model. */
export interface OtherModelRow extends ComparedPair {
  readonly model: string;
  readonly measuredOn: string;
  /** Honest replies that are rejected at 1e-2. */
  readonly rejected: Share;
}

/** One lazy or lying verifier among honest ones, run by the code of a validator (lab/src/verifiers). */
export interface VerifierStrategyRow {
  /** How many verifiers follow the strategy, and the share of replies that is audited. */
  readonly setting: string;
  readonly strategy: string;
  readonly what: string;
  /** Runs in which all who follow it were excluded from the draw. */
  readonly excluded: Share;
  /** Jobs of one of them until its exclusion or the end of the run: mean and 95 % interval. */
  readonly jobs: { readonly mean: number; readonly low: number; readonly high: number };
  /** Replies of honest providers that were rejected. */
  readonly honestRejected: Share;
  /** Honest providers that were ejected and honest verifiers that were excluded, in all runs. */
  readonly honestLost: number;
  /** Replies of the cheat that were paid; an empty share without a cheat. */
  readonly cheatsPaid: Share;
}

/**
 * Compares an aim with the 95 % interval of its measurement. `met` or `missed` if the interval, or a count without one, leaves
 * no doubt; `undecided` if the interval includes the aim, or nothing was measured.
 */
export type AimOutcome = 'met' | 'missed' | 'undecided';

export interface AimRow {
  readonly aim: string;
  readonly measured: string;
  readonly outcome: AimOutcome;
  /** If the aim is not met: the reason and the next idea. */
  readonly note: string;
}
