import { STRATEGIES } from './strategies.ts';
import type { VerifierStrategy } from './strategy.ts';

/** The network in which a strategy is tried: four honest verifiers, and those that follow the strategy. */
export interface Setting {
  readonly name: string;
  readonly followers: number;
  /** Share of replies that is audited, parts per million. */
  readonly alphaPpm: number;
  readonly strategies: readonly VerifierStrategy[];
}

const pick = (...names: string[]): readonly VerifierStrategy[] => STRATEGIES.filter(({ name }) => names.includes(name));

/**
 * All strategies with every reply audited, which leaves no unaudited replies for honeypots. Then the strategies that may gain
 * if few replies are audited, and those in which two verifiers report alike and may be drawn together.
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
