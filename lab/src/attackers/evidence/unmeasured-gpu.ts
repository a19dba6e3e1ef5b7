import type { EvidenceAttack } from './attack.ts';

/** A GPU elsewhere answers the question that follows from this CPU's, and a text says that the guest measured it. */
export const unmeasuredGpu: EvidenceAttack = {
  name: 'unmeasured-gpu',
  adversary: "operator that presents another machine's good GPU",
  aim: 'running the model on an open GPU',
  caughtBy: 'gpu-machine',
  bend({ evidence, ...rest }) {
    if (evidence.gpu === undefined) return undefined;
    const measured = JSON.stringify({ claims: [{ measres: 'success', secboot: true, dbgstat: 'disabled' }] });
    return { ...rest, evidence: { ...evidence, gpu: { ...evidence.gpu, measured } } };
  },
};
