import type { EvidenceAttack } from './attack.ts';
import { flip } from './attack.ts';

/** The report of a GPU elsewhere, which answered another question than this machine's. */
export const anotherMachinesGpu: EvidenceAttack = {
  name: 'another-machines-gpu',
  adversary: "operator with the report of another machine's GPU",
  aim: 'payment for a GPU that it does not have',
  caughtBy: 'gpu-nonce',
  bend({ evidence, policy, nowMs }) {
    const { gpuNonce } = policy;
    return gpuNonce && { evidence, nowMs, policy: { ...policy, gpuNonce: flip(gpuNonce, 0) } };
  },
};
