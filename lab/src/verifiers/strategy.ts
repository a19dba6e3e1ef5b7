import type { ScoreJobMessage } from '@ogong/node/validator/audit/verifier-call';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';

/** What a verifier can do when it is asked, honest or not: one interface, so that a new strategy is a page. */
export interface VerifierStrategy {
  readonly name: string;
  /** What it is, in a few words. */
  readonly what: string;
  /** Of those who are asked, one follows the strategy; providers are honest unless it needs a partner. */
  readonly partner?: boolean;
  /** @returns the canonical report to commit to; undefined where it stays silent. */
  readonly report: (job: ScoreJobMessage, scene: Scene) => Promise<Uint8Array | undefined>;
  /** What it opens instead, knowing what others of the round have opened; undefined where it does not open. */
  readonly open?: (kept: Uint8Array, job: ScoreJobMessage, scene: Scene) => Uint8Array | undefined;
  /** Whether it stands still when it is to open over so many digests, as a machine does that is restarted. */
  readonly stallsOver?: (digests: number) => boolean;
}

/** What a strategy has at hand. */
export interface Scene {
  /** The whole work, by the right model. */
  readonly work: (job: ScoreJobMessage) => Promise<Uint8Array>;
  /** The same by a cheaper model that claims the same root. */
  readonly workCheaply: (job: ScoreJobMessage) => Promise<Uint8Array>;
  /** A report without work: the shape of one, and nothing in it. */
  readonly makeUp: (job: ScoreJobMessage, bend?: { readonly exact: boolean }) => Promise<Uint8Array>;
  /** What the partner committed for this request, told out of band. */
  readonly told: (job: ScoreJobMessage) => readonly WindowBytes[] | undefined;
  /** Opened reports of others about the same tokens: a leak that the protocol does not give, assumed here. */
  readonly leaked: (job: ScoreJobMessage) => Uint8Array | undefined;
  /** Whether a request was seen before, by it or by anybody who would tell it. */
  readonly wasSeen: (job: ScoreJobMessage) => boolean;
  /** Where in the epoch the job came, 0..1. */
  readonly phase: () => number;
  readonly random: () => number;
}
