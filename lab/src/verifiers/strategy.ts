import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import type { ScoreJobMessage } from '@ogong/protocol/modality/shared/score-commitment';

/** How a verifier behaves, honest or not. */
export interface VerifierStrategy {
  readonly name: string;
  /** A short description. */
  readonly what: string;
  /** Whether it needs a partner among the providers: a cheat. Otherwise all providers are honest. */
  readonly partner?: boolean;
  /** @returns the canonical report to commit to; undefined to stay silent. */
  readonly report: (job: ScoreJobMessage, scene: Scene) => Promise<Uint8Array | undefined>;
  /** The report that it opens instead, when it knows the openings of others in the round; undefined to open nothing. */
  readonly open?: (kept: Uint8Array, job: ScoreJobMessage, scene: Scene) => Uint8Array | undefined;
  /** Whether it stalls when it is asked to open over this many digests, as if it were restarted. */
  readonly stallsOver?: (digests: number) => boolean;
}

/** Knowledge and means of a strategy. */
export interface Scene {
  /** Scores with the right model. */
  readonly work: (job: ScoreJobMessage) => Promise<Uint8Array>;
  /** Scores with a cheaper model that claims the same root. */
  readonly workCheaply: (job: ScoreJobMessage) => Promise<Uint8Array>;
  /** Makes up a well-formed report without work. */
  readonly makeUp: (job: ScoreJobMessage, bend?: { readonly exact: boolean }) => Promise<Uint8Array>;
  /** The windows that the partner committed for this request, received out of band. */
  readonly told: (job: ScoreJobMessage) => readonly WindowBytes[] | undefined;
  /** Opened reports of others about the same tokens. The protocol does not leak these; the strategy assumes a leak. */
  readonly leaked: (job: ScoreJobMessage) => Uint8Array | undefined;
  /** Whether this verifier or an ally has seen the request before. */
  readonly wasSeen: (job: ScoreJobMessage) => boolean;
  /** Where in the epoch the job came, 0..1. */
  readonly phase: () => number;
  readonly random: () => number;
}
