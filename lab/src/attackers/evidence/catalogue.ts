import { anotherMachinesGpu } from './another-machines-gpu.ts';
import { anothersKey } from './anothers-key.ts';
import type { EvidenceAttack } from './attack.ts';
import { clockSetBack } from './clock-set-back.ts';
import { debugGuest } from './debug-guest.ts';
import { forgedEventLog } from './forged-event-log.ts';
import { oldTcb } from './old-tcb.ts';
import { ownManifest } from './own-manifest.ts';
import { replayedEvidence } from './replayed-evidence.ts';
import { swappedCollateral } from './swapped-collateral.ts';
import { unmeasuredGpu } from './unmeasured-gpu.ts';
import { unsignedToken } from './unsigned-token.ts';

export const EVIDENCE_ATTACKS: readonly EvidenceAttack[] = [
  replayedEvidence,
  anothersKey,
  anotherMachinesGpu,
  oldTcb,
  debugGuest,
  forgedEventLog,
  swappedCollateral,
  clockSetBack,
  ownManifest,
  unsignedToken,
  unmeasuredGpu,
];
