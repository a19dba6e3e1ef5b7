import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import { openHearingsState, stepHearings } from './hearings/step-hearings.ts';
import type { ValidatorState } from './validator-state.ts';

const HEARINGS_MS = 60_000;

/** Draws the panels of appeals early, so that nobody can wait for a block that draws a friendlier panel. */
export function repeatHearings({ options, signer, chain, log }: ValidatorState): Repeating {
  const hearings = openHearingsState({
    ...{ chain, validator: signer.address },
    onDrawn: (subject, transactionHash) => log.info({ subject, transactionHash }, 'the panel of an appeal was drawn'),
    onPanelMember: (subject) =>
      log.warn({ subject }, 'this validator is on the panel of an appeal: decide it, see ogong-validatord acquit'),
    onError: (subject, err) => log.warn({ err, subject }, 'the panel of an appeal waits'),
  });
  return createRepeating(
    { intervalMs: Math.min(HEARINGS_MS, 2 * options.settleMs) },
    () => stepHearings(hearings),
    (err) => log.warn({ err }, 'panels wait'),
  );
}
