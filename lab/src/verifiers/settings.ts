import { STRATEGIES } from './strategies.ts';
import type { VerifierStrategy } from './strategy.ts';

/** The network that a strategy is tried in: four honest verifiers, and those who follow it. */
export interface Setting {
  readonly name: string;
  readonly followers: number;
  /** Share of replies that is audited, parts per million. */
  readonly alphaPpm: number;
  readonly strategies: readonly VerifierStrategy[];
}

const pick = (...names: string[]): readonly VerifierStrategy[] => STRATEGIES.filter(({ name }) => names.includes(name));

/**
 * All strategies where every reply is audited, which leaves none for honeypots; those for whom it could matter where most replies
 * are not, and where two of them report alike, so that a pair of verifiers may be both of theirs.
 */
export const SETTINGS: readonly Setting[] = [
  { name: 'one, every reply audited', followers: 1, alphaPpm: 1_000_000, strategies: STRATEGIES },
  {
    name: 'one, a tenth audited',
    followers: 1,
    alphaPpm: 100_000,
    strategies: pick('always accepts', 'lazy 0.2', 'lazy when fresh', 'told, works else'),
  },
  {
    name: 'two who agree, every reply audited',
    followers: 2,
    alphaPpm: 1_000_000,
    strategies: pick('always accepts', 'told', 'told, works else'),
  },
];
