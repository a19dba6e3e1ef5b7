import type { Check } from '../base/checks.ts';

/** Checks of a machine (docs/spec/machine-evidence.md#checks) that rest on its report, for any signer of it. */
const OF_THE_REPORT = /^(?:attested-reply|machine|cpu-[a-z]+|report-data|boot|event-log|image|gpu-[a-z]+)$/;
/** Checks that repeat the computation of the model's sampler. */
const OF_REPLAY = ['draw-key', 'sampler', 'listing', 'draw-replay', 'shape-classes'];

/** The basis of a machine's answer, as text. */
export interface Proof {
  readonly hardware: string;
  readonly replay: string;
  /** The trusted basis, with the time since which it is trusted. */
  readonly believed: string;
}

/**
 * Describes the basis of a machine's answer: hardware, replay, trust. Undefined if the receipt has no machine.
 * @param admitted when the order's validator states that it admitted the order, as a text. Evidence answers that order, so it
 * is not older.
 */
export function describeProof(checks: readonly Check[], admitted: string): Proof | undefined {
  const machine = checks.find(({ id }) => id === 'machine');
  if (machine === undefined) return undefined;
  const hasPassed = (name: string): boolean => checks.some(({ id, status }) => id === name && status === 'pass');
  const passed = checks.filter(({ status }) => status === 'pass').map(({ id }) => id);
  const replayed = passed.filter((id) => OF_REPLAY.includes(id));
  // A software attester has no vendor certificates. It signs as hardware would, and proves no hardware.
  const isHardware = hasPassed('cpu-chain');
  const since = `since ${admitted}, when ${
    hasPassed('admission') ? 'the validator admitted the order' : 'the order was admitted, which nobody checked'
  }`;
  const isTaken = machine.status === 'pass' && hasPassed('attested-reply');
  const report = passed.filter((id) => OF_THE_REPORT.test(id)).join(', ');
  const [hardware, believed] = !isTaken
    ? ['nothing: the machine was not taken', 'nothing of the machine']
    : isHardware
      ? [report, `the vendor's root, ${since}`]
      : ['nothing: an attester in software signed', `the software attester (${report}), ${since}`];
  return { hardware, replay: replayed.join(', ') || 'nothing', believed };
}

/** Formats the same as three lines; empty if the receipt has no machine. */
export function formatProof(checks: readonly Check[], admitted: string): string {
  const proof = describeProof(checks, admitted);
  if (proof === undefined) return '';
  return `by hardware: ${proof.hardware}\nby replay: ${proof.replay}\nbelieved: ${proof.believed}\n`;
}
