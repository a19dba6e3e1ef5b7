import type { Breaks, DaemonRole } from './breaks.ts';

/** An attack on the protocol around the answers, by somebody who makes messages of its own. */
export interface ProtocolAttack<Network, Outcome> {
  /** Kebab-case, unique. */
  readonly name: string;
  /** Who plays it, as the row of docs/threats.md says. What the demo plays has both this and `stoppedBy`. */
  readonly adversary?: string;
  /** What the attacker hopes to gain, in a sentence. */
  readonly aim: string;
  /** What stops it, in the words of docs/threats.md. */
  readonly stoppedBy?: string;
  /** The daemons that a restart in the middle of the attack concerns; or why there are none. */
  readonly restarts: readonly DaemonRole[] | { readonly none: string };
  /**
   * Plays it against the unchanged network and returns what came of it.
   * @param breaks what happens between the attacker's steps. Default: nothing.
   */
  play(network: Network, breaks?: Breaks): Outcome;
}
