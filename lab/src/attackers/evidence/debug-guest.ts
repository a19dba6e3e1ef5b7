import type { EvidenceAttack } from './attack.ts';
import { flip } from './attack.ts';

const HEADER_BYTES = 48;
/** Where attributes of a TDX guest stand in its report. */
const TD_ATTRIBUTES = HEADER_BYTES + 120;
/** Bit 19 of the policy of AMD's guest. */
const SNP_POLICY = 8 + 2;

/** A guest that its host may look into says that it is a good one. */
export const debugGuest: EvidenceAttack = {
  name: 'debug-guest',
  adversary: 'operator that starts the guest in debug mode',
  aim: 'reading prompts and keys in memory',
  caughtBy: 'cpu-debug',
  bend({ evidence, policy, nowMs }) {
    const { cpu } = evidence;
    if (cpu.kind === 'intel')
      return { evidence: { ...evidence, cpu: { ...cpu, quote: flip(cpu.quote, TD_ATTRIBUTES) } }, policy, nowMs };
    if (cpu.kind !== 'amd-snp') return undefined;
    return { evidence: { ...evidence, cpu: { ...cpu, report: flip(cpu.report, SNP_POLICY, 8) } }, policy, nowMs };
  },
};
