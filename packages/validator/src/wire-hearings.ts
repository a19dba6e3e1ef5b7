import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import { openHearingsState, stepHearings } from './hearings/step-hearings.ts';
import type { ValidatorState } from './validator-state.ts';

const HEARINGS_MS = 60_000;

/** Panels that hear appeals are drawn soon, so that nobody waits for a block that draws another one. */
export function repeatHearings({ options, signer, chain, log }: ValidatorState): Repeating {
  const hearings = openHearingsState({
    ...{ chain, validator: signer.address },
    onDrawn: (subject, transactionHash) => log.info({ subject, transactionHash }, 'the panel of an appeal was drawn'),
    onSeated: (subject) =>
      log.warn({ subject }, 'this validator sits on the panel of an appeal: judge it, see ogong-validatord acquit'),
    onError: (subject, err) => log.warn({ err, subject }, 'the panel of an appeal waits'),
  });
  return createRepeating(
    { intervalMs: Math.min(HEARINGS_MS, 2 * options.settleMs) },
    () => stepHearings(hearings),
    (err) => log.warn({ err }, 'panels wait'),
  );
}
