/** An attack on the protocol around the answers, by somebody who makes messages of its own. */
export interface ProtocolAttack<Network, Outcome> {
  /** Kebab-case, unique. */
  readonly name: string;
  /** What the attacker hopes to gain, in a sentence. */
  readonly aim: string;
  /** Plays it against the unchanged network and returns what came of it. */
  play(network: Network): Outcome;
}
