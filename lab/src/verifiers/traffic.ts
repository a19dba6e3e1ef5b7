import type { TellOptions } from './tell-apart.ts';

/** The size of the measurement. */
export interface Span {
  /** Epochs of traffic in which a provider tries to recognise audits. 0: not measured. */
  readonly epochs: number;
  /** Number of networks with such traffic; even. */
  readonly worlds: number;
}

export type Traffic = Required<Omit<TellOptions, 'seed'>>;

const MANY = 500_000;
/** A validator's default (validator-config.ts). */
const USUAL = 50_000;

/** If all replies are audited, honeypots have to repeat requests. If a few are not, these suffice for the usual number. */
export const listTraffic = ({ epochs, worlds }: Span): readonly Traffic[] =>
  epochs === 0
    ? []
    : [
        { epochs, worlds, replies: 40, alphaPpm: 500_000, honeypotPpm: MANY },
        { epochs, worlds, replies: 40, alphaPpm: 950_000, honeypotPpm: USUAL },
        { epochs, worlds, replies: 20, alphaPpm: 1_000_000, honeypotPpm: MANY },
      ];
